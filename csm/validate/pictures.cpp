#include <algorithm>
#include <cmath>
#include <cstddef>
#include <iomanip>
#include <map>
#include <numeric>
#include <set>

#include "csm/base/str_cat.h"
#include "csm/validate/report.h"
#include "csm/validate/speech_sweep.h"

namespace csm::validate {
namespace {

using Look = Series::Look;

constexpr int kOurs = 0, kReference = 1, kFloor = 2, kExact = 3;
constexpr std::size_t kMostCodes = 100;  // of the frequency plot

double number_at(const OrderedJson& json, const std::string& path) {
  const OrderedJson* value = find_metric(json, path);
  return value == nullptr ? std::nan("") : value->get<double>();
}

std::string fixed(double value, int decimals) {
  if (!std::isfinite(value)) return "";
  return str_cat(std::fixed, std::setprecision(decimals), value);
}

/// A heat map over the sweep's cells: the metric, and a second line of text.
HeatMap grid_map(const OrderedJson& sweep, const std::string& title,
                 const std::string& value_label, const std::string& metric,
                 const std::string& below, int decimals, double scale = 1.0) {
  std::set<double> temperatures;
  std::set<int> top_ks;
  std::map<std::pair<double, int>, const OrderedJson*> cells;
  for (const OrderedJson& cell : sweep) {
    const auto temperature = cell["temperature"].get<double>();
    const int top_k = cell["top_k"].get<int>();
    temperatures.insert(temperature);
    top_ks.insert(top_k);
    cells[{temperature, top_k}] = &cell;
  }
  HeatMap map = {.title = title,
                 .x_label = "top-k (codes kept)",
                 .y_label = "temperature",
                 .value_label = value_label,
                 .columns = {},
                 .rows = {},
                 .values = {},
                 .labels = {}};
  for (const int top_k : top_ks) map.columns.push_back(str_cat(top_k));
  for (const double temperature : temperatures) {
    map.rows.push_back(fixed(temperature, 2));
    std::vector<double> values;
    std::vector<std::string> labels;
    for (const int top_k : top_ks) {
      const auto cell = cells.find({temperature, top_k});
      const bool there = cell != cells.end();
      values.push_back(there ? scale * number_at(*cell->second, metric)
                             : std::nan(""));
      std::string label = fixed(values.back(), decimals);
      if (!label.empty() && !below.empty()) {
        label += "\\n(" +
                 fixed(scale * number_at(*cell->second, below), decimals) + ")";
      }
      labels.push_back(label);
    }
    map.values.push_back(values);
    map.labels.push_back(labels);
  }
  return map;
}

/// A measure of speech in the unit that people read.
HeatMap speech_map(const OrderedJson& sweep, const SpeechMeasure& m) {
  const std::string path = str_cat("speech.", m.key);
  return grid_map(
      sweep, str_cat(m.name, m.has_best ? " (difference to the best)" : ""),
      *m.unit == '\0' ? "ratio" : m.unit, path,
      m.has_best ? path + "_to_best" : "", m.decimals, m.scale);
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
  plot.series = {
      {equal_name, {}, {}, Look::kLinePoints, kExact},
      {"csm, other noise", {}, {}, Look::kLinePoints, kOurs},
      {"PyTorch twice (noise floor)", {}, {}, Look::kDashed, kFloor}};
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
         grid_map(sweep,
                  "Similarity to PyTorch, other noise (PyTorch to itself)",
                  "1 - total variation", "independent_noise.similarity",
                  "noise_floor.similarity", 3));
    draw("grid-kl",
         grid_map(sweep,
                  "KL divergence from PyTorch, other noise (PyTorch to itself)",
                  "nats", "independent_noise.kl_forward",
                  "noise_floor.kl_forward", 3));
    draw("grid-entropy",
         grid_map(sweep, "Entropy of the exact distribution, mean over rows",
                  "nats", "entropy.analytic", "", 2));
    if (!results.contains("speech")) return names;
    for (const SpeechMeasure& m : kSpeechMeasures) {
      draw(str_cat("grid-", m.key), speech_map(sweep, m));
    }
  }
  return names;
}

}  // namespace csm::validate
