#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <map>
#include <numeric>
#include <set>

#include "csm/base/str_cat.h"
#include "csm/validate/report.h"
#include "csm/validate/setting.h"
#include "csm/validate/speech_sweep.h"

namespace csm::validate {
namespace {

using Look = Series::Look;

constexpr int kOurs = 0, kReference = 1, kExact = 2;
constexpr std::size_t kMostCodes = 100;  // of the frequency plot

double number_at(const OrderedJson& json, const std::string& path) {
  const OrderedJson* value = find_metric(json, path);
  return value == nullptr ? std::nan("") : value->get<double>();
}

std::string fixed(double value, int decimals) {
  if (!std::isfinite(value)) return "";
  return str_cat(std::fixed, std::setprecision(decimals), value);
}

using Cells = std::map<std::pair<double, int>, const OrderedJson*>;

/// What a heat map of the sweep shows.
struct GridMetric {
  std::string title, value_label;
  std::string metric, note;  ///< paths; `note` may be empty
  int decimals;
  double scale = 1.0;  ///< shown / measured
};

// One row of the grid, of the cells that exist.
void add_row(HeatMap& map, const Cells& cells, double temperature,
             const std::set<int>& top_ks, const GridMetric& what) {
  const auto shown = [&](const OrderedJson& cell, const std::string& path) {
    return path.empty() ? std::nan("") : what.scale * number_at(cell, path);
  };
  map.rows.push_back(fixed(temperature, 2));
  std::vector<double> values;
  std::vector<std::string> labels, notes;
  for (const int top_k : top_ks) {
    const auto cell = cells.find({temperature, top_k});
    const bool there = cell != cells.end();
    values.push_back(there ? shown(*cell->second, what.metric) : std::nan(""));
    labels.push_back(fixed(values.back(), what.decimals));
    const std::string note =
        there ? fixed(shown(*cell->second, what.note), what.decimals) : "";
    notes.push_back(note.empty() ? note : str_cat("(", note, ")"));
  }
  map.values.push_back(values);
  map.labels.push_back(labels);
  map.notes.push_back(notes);
}

HeatMap grid_map(const OrderedJson& sweep, const GridMetric& what) {
  std::set<double> temperatures;
  std::set<int> top_ks;
  Cells cells;
  for (const OrderedJson& cell : sweep) {
    const auto temperature = cell["temperature"].get<double>();
    const int top_k = cell["top_k"].get<int>();
    temperatures.insert(temperature);
    top_ks.insert(top_k);
    cells[{temperature, top_k}] = &cell;
  }
  HeatMap map = {.title = what.title,
                 .x_label = "top-k (codes kept)",
                 .y_label = "temperature",
                 .value_label = what.value_label,
                 .columns = {},
                 .rows = {},
                 .values = {},
                 .labels = {},
                 .notes = {}};
  for (const int top_k : top_ks) map.columns.push_back(str_cat(top_k));
  for (const double temperature : temperatures) {
    std::size_t column = 0;
    for (const int top_k : top_ks) {
      if (same_setting({temperature, top_k}, default_setting())) {
        map.marked = {.row = map.rows.size(), .column = column};
        map.mark_name = "default of csm";
      }
      ++column;
    }
    add_row(map, cells, temperature, top_ks, what);
  }
  return map;
}

/// A measure of speech in the unit that people read.
HeatMap speech_map(const OrderedJson& sweep, const SpeechMeasure& m) {
  const std::string path = str_cat("speech.", m.key);
  return grid_map(
      sweep,
      {.title = str_cat(m.name, m.has_best ? " (difference to the best)" : ""),
       .value_label = *m.unit == '\0' ? "ratio" : m.unit,
       .metric = path,
       .note = m.has_best ? path + "_to_best" : "",
       .decimals = m.decimals,
       .scale = m.scale});
}

LinePlot frequency_plot(const OrderedJson& setting) {
  const auto ours = setting["tokens"]["ours"].get<std::vector<double>>();
  const auto reference =
      setting["tokens"]["reference"].get<std::vector<double>>();
  const auto analytic =
      setting["tokens"]["analytic"].get<std::vector<double>>();
  const double n = std::accumulate(ours.begin(), ours.end(), 0.0);
  std::vector<std::size_t> order(analytic.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  std::stable_sort(order.begin(), order.end(),
                   [&](auto a, auto b) { return analytic[a] > analytic[b]; });
  order.resize(std::min(order.size(), kMostCodes));

  LinePlot plot = {.title = "How often each code is drawn, all codebooks",
                   .x_label = "rank of the code by its exact probability",
                   .y_label = "share of draws",
                   .log_x = false,
                   .log_y = true,
                   .series = {}};
  plot.series = {{"exact probability", {}, {}, Look::kLine, kExact},
                 {"PyTorch's algorithm", {}, {}, Look::kPoints, kReference},
                 {"csm", {}, {}, Look::kRings, kOurs}};
  for (std::size_t rank = 0; rank < order.size(); ++rank) {
    const std::size_t code = order[rank];
    const double shares[] = {analytic[code], reference[code] / n,
                             ours[code] / n};
    for (std::size_t s = 0; s < plot.series.size(); ++s) {
      plot.series[s].x.push_back(static_cast<double>(rank + 1));
      plot.series[s].y.push_back(shares[s] > 0.0 ? shares[s] : std::nan(""));
    }
  }
  // A logarithmic scale of less than a decade would show a single number.
  constexpr double kManyDecades = 30.0;
  const double lowest = std::max(analytic[order.back()], 1.0 / n);
  plot.log_y = analytic[order.front()] > kManyDecades * lowest;
  return plot;
}

/// Three curves of similarity over the entries of an array.
LinePlot similarity_plot(const OrderedJson& entries, const std::string& key,
                         const std::string& equal,
                         const std::string& independent,
                         const std::string& floor,
                         const std::string& equal_name) {
  LinePlot plot;
  plot.y_label = "distribution similarity (1 = same)";
  plot.series = {{equal_name, {}, {}, Look::kLinePoints, kExact},
                 {"csm, other noise", {}, {}, Look::kLinePoints, kOurs},
                 {"PyTorch to itself", {}, {}, Look::kDashed, kReference}};
  const std::string paths[] = {equal, independent, floor};
  for (const OrderedJson& entry : entries) {
    for (std::size_t s = 0; s < plot.series.size(); ++s) {
      plot.series[s].x.push_back(entry[key].get<double>());
      plot.series[s].y.push_back(number_at(entry, paths[s]));
    }
  }
  return plot;
}

LinePlot breakdown_plot(const OrderedJson& entries, const std::string& key,
                        const std::string& title, const std::string& x_label) {
  LinePlot plot = similarity_plot(
      entries, key, "match_rate", "independent_noise.similarity",
      "noise_floor.similarity", "codes equal, same noise");
  plot.title = title;
  plot.x_label = x_label;
  plot.y_label = "share of codes, or similarity";
  return plot;
}

LinePlot curve_plot(const OrderedJson& curve) {
  LinePlot plot =
      similarity_plot(curve, "draws", "equal_noise", "independent_noise",
                      "noise_floor", "csm, same noise");
  plot.title = "Similarity to PyTorch's draws by sample size";
  plot.x_label = "draws from each row of logits";
  plot.log_x = true;
  return plot;
}

}  // namespace

std::vector<std::string> draw_pictures(const Plotter& plotter,
                                       const OrderedJson& results) {
  std::vector<std::string> names;
  const auto draw = [&](const std::string& name, const auto& plot) {
    plotter.draw(name, plot);
    names.push_back(name);
  };
  if (results.contains("settings") && !results["settings"].empty()) {
    const OrderedJson& setting = results["settings"][0];
    if (setting.contains("tokens")) {
      draw("token-frequency", frequency_plot(setting));
    }
    if (setting.contains("sample_sizes") &&
        setting["sample_sizes"].size() > 1) {
      draw("sample-size", curve_plot(setting["sample_sizes"]));
    }
    if (setting.contains("by_codebook") && setting["by_codebook"].size() > 1) {
      draw("by-codebook", breakdown_plot(setting["by_codebook"], "codebook",
                                         "Match by codebook", "codebook"));
    }
    if (setting.contains("by_frame") && setting["by_frame"].size() > 1) {
      draw("by-frame",
           breakdown_plot(setting["by_frame"], "frame", "Match by frame",
                          "frame of the tested logits (80 ms each)"));
    }
  }
  if (results.contains("sweep") && !results["sweep"].empty()) {
    const OrderedJson& sweep = results["sweep"];
    draw("grid-similarity",
         grid_map(sweep, {.title = "Similarity to PyTorch, other noise "
                                   "(PyTorch to itself)",
                          .value_label = "1 - total variation",
                          .metric = "independent_noise.similarity",
                          .note = "noise_floor.similarity",
                          .decimals = 3}));
    draw("grid-kl",
         grid_map(sweep, {.title = "KL divergence from PyTorch, other noise "
                                   "(PyTorch to itself)",
                          .value_label = "nats",
                          .metric = "independent_noise.kl_forward",
                          .note = "noise_floor.kl_forward",
                          .decimals = 3}));
    draw("grid-entropy",
         grid_map(sweep, {.title = "Entropy of the exact distribution, mean "
                                   "over rows",
                          .value_label = "nats",
                          .metric = "entropy.analytic",
                          .note = "",
                          .decimals = 2}));
    if (!results.contains("speech")) return names;
    for (const SpeechMeasure& m : kSpeechMeasures) {
      draw(str_cat("grid-", m.key), speech_map(sweep, m));
    }
  }
  return names;
}

}  // namespace csm::validate
