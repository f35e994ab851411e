#include "cli/bench_report.h"

#include <algorithm>
#include <cstddef>
#include <iomanip>
#include <utility>

#include "cli/console.h"
#include "csm/base/str_cat.h"

namespace csm::cli {
namespace {

constexpr double kMilli = 1e3;  // ms in a second
constexpr double kGiga = 1e9;
constexpr double kPercent = 100;

Spread spread_of_values(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  const std::size_t n = values.size();
  return {.median = (values[(n - 1) / 2] + values[n / 2]) / 2,
          .min = values.front(),
          .max = values.back()};
}

// One measured quantity: its JSON key and how a repetition gives it.
struct Quantity {
  const char* key;
  std::function<double(const Repetition&)> value;
  bool bare = false;  // the median is under the key itself
};

std::vector<Quantity> quantities(const BenchPlan& plan,
                                 const BenchResult& result) {
  const int n_streams = plan.n_streams;
  const double n = n_streams;
  const engine::ModelCost cost = result.cost;
  const auto bytes = static_cast<double>(cost.step_bytes(n_streams));
  const auto rate = [](std::int64_t amount, double seconds) {
    return seconds > 0 ? static_cast<double>(amount) / seconds / kGiga : 0;
  };
  const auto gbs = [bytes](const Repetition& r) {
    return bytes / r.lm() / kGiga;
  };
  const double operations = prefill_operations(plan, result);
  const double positions = n * plan.n_prompt;
  const double audio = static_cast<double>(result.facts.samples_per_frame) /
                       result.facts.sample_rate_hz;
  return {
      {"frame_ms", [](const auto& r) { return r.step.total * kMilli; }},
      {"lm_frame_ms", [](const auto& r) { return r.lm() * kMilli; }},
      {"backbone_frame_ms",
       [](const auto& r) { return r.step.backbone * kMilli; }},
      {"depth_frame_ms", [](const auto& r) { return r.step.depth * kMilli; }},
      {"sampler_frame_ms",
       [](const auto& r) { return r.step.sampler * kMilli; }},
      {"codec_frame_ms", [](const auto& r) { return r.step.codec * kMilli; }},
      {"rest_frame_ms", [](const auto& r) { return r.step.rest() * kMilli; }},
      {"frames_per_s", [n](const auto& r) { return n / r.step.total; }},
      {"rtf", [audio](const auto& r) { return r.step.total / audio; }},
      {"read_gbs", gbs},
      {"bandwidth_gbs", [](const auto& r) { return r.bandwidth() / kGiga; }},
      {"bandwidth_fraction",
       [gbs](const auto& r) { return gbs(r) * kGiga / r.bandwidth(); }},
      {"backbone_gbs",
       [=](const auto& r) {
         return rate(cost.backbone_step_bytes(n_streams), r.step.backbone);
       }},
      {"depth_gbs",
       [=](const auto& r) {
         return rate(cost.depth_step_bytes(n_streams), r.step.depth);
       }},
      {"codec_gbs",
       [=](const auto& r) { return rate(cost.codec_bytes, r.step.codec); }},
      {"prefill_ms", [](const auto& r) { return r.prefill * kMilli; }},
      {"prefill_positions_per_s",
       [=](const auto& r) { return positions / r.prefill; }, true},
      {"prefill_gops",
       [=](const auto& r) { return operations / r.prefill / kGiga; }},
      {"peak_gops", [](const auto& r) { return r.peak / kGiga; }},
      {"prefill_peak_fraction",
       [=](const auto& r) { return operations / r.prefill / r.peak; }},
      {"first_audio_ms", [](const auto& r) { return r.first_audio * kMilli; },
       true},
  };
}

OrderedJson repetitions_json(const BenchResult& result,
                             const std::vector<Quantity>& all) {
  OrderedJson out = OrderedJson::array();
  for (const Repetition& repetition : result.repetitions) {
    OrderedJson entry;
    for (const Quantity& q : all) entry[q.key] = q.value(repetition);
    entry["bandwidth_before_gbs"] = repetition.bandwidth_before / kGiga;
    entry["bandwidth_after_gbs"] = repetition.bandwidth_after / kGiga;
    out.push_back(std::move(entry));
  }
  return out;
}

OrderedJson throughput_json(const BenchResult& result) {
  OrderedJson out = OrderedJson::array();
  for (const Throughput& entry : result.throughput) {
    const Spread step = spread_of_values(entry.step_seconds);
    const double n = entry.n_streams;
    out.push_back({{"batch", entry.n_streams},
                   {"step_ms_median", step.median * kMilli},
                   {"step_ms_min", step.min * kMilli},
                   {"step_ms_max", step.max * kMilli},
                   {"frames_per_s_median", n / step.median},
                   {"frames_per_s_min", n / step.max},
                   {"frames_per_s_max", n / step.min}});
  }
  return out;
}

// "3.334 GB", or MB below one GB.
std::string size_text(double bytes) {
  constexpr double kMega = 1e6;
  return bytes < kGiga ? fixed(bytes / kMega, 1) + " MB"
                       : fixed(bytes / kGiga, 3) + " GB";
}

// One line of the table: name, median, least, greatest, and a remark.
std::string line(const std::string& name, const Spread& s, int decimals,
                 const std::string& remark) {
  constexpr int kName = 26;
  constexpr int kNumber = 11;
  const auto cell = [&](double value) {
    return str_cat(std::setw(kNumber), fixed(value, decimals));
  };
  return str_cat("  ", std::left, std::setw(kName), name, std::right,
                 cell(s.median), cell(s.min), cell(s.max), "  ", remark, "\n");
}

std::string head(const BenchPlan& plan, const BenchResult& result) {
  const auto weights = static_cast<double>(result.cost.weights_bytes);
  const auto peak = static_cast<double>(result.peak_memory);
  return str_cat(
      model_label(plan), ", ", engine::to_string(plan.model.weight_type), ", ",
      result.threads, result.threads == 1 ? " thread, " : " threads, ",
      plan.model.composed ? "MLX's own operations" : result.isa, ", ",
      plan.n_streams, plan.n_streams == 1 ? " stream" : " streams in one batch",
      "\nload ", fixed(result.load_seconds * kMilli, 0), " ms, weights ",
      size_text(weights), ", peak memory ", size_text(peak), " (",
      fixed(kPercent * peak / weights, 0), " % of the weights)\n",
      plan.n_repetitions, " repetitions of ", plan.n_frames,
      " frames after a prompt of ", plan.n_prompt, " positions\n\n");
}

std::string throughput_lines(const BenchResult& result) {
  if (result.throughput.empty()) return {};
  std::string out = "\nframes a second of all streams, in one batch\n";
  const double one = spread_of_values(result.throughput[0].step_seconds).median;
  for (const Throughput& entry : result.throughput) {
    const Spread step = spread_of_values(entry.step_seconds);
    const double n = entry.n_streams;
    out += line(
        str_cat(entry.n_streams, entry.n_streams == 1 ? " stream" : " streams"),
        {n / step.median, n / step.max, n / step.min}, 2,
        str_cat(fixed(n * one / step.median, 2), " times one stream"));
  }
  return out;
}

}  // namespace

Spread spread_of(const BenchResult& result,
                 const std::function<double(const Repetition&)>& value) {
  std::vector<double> values;
  for (const Repetition& r : result.repetitions) values.push_back(value(r));
  return spread_of_values(std::move(values));
}

double prefill_operations(const BenchPlan& plan, const BenchResult& result) {
  return 2.0 * plan.n_streams *
         static_cast<double>(result.cost.prefill_macs(plan.n_prompt));
}

std::string model_label(const BenchPlan& plan) {
  return plan.model.random_weights.empty()
             ? plan.model.model_dir.filename().string()
             : plan.model.random_weights + " (random weights)";
}

OrderedJson bench_json(const BenchPlan& plan, const BenchResult& result) {
  const engine::ModelCost& cost = result.cost;
  const int n = plan.n_streams;
  OrderedJson out = {{"model", model_label(plan)},
                     {"random_weights", !plan.model.random_weights.empty()},
                     {"dtype", engine::to_string(plan.model.weight_type)},
                     {"threads", result.threads},
                     {"isa", result.isa},
                     {"mlx_operations", plan.model.composed},
                     {"batch", plan.n_streams},
                     {"batching", "frame"},
                     {"frames", plan.n_frames},
                     {"prompt_positions", plan.n_prompt},
                     {"load_ms", result.load_seconds * kMilli},
                     {"weights_bytes", cost.weights_bytes},
                     {"peak_rss_bytes", result.peak_memory},
                     {"bytes_per_frame", cost.step_bytes(n)},
                     {"backbone_bytes_per_frame", cost.backbone_step_bytes(n)},
                     {"depth_bytes_per_frame", cost.depth_step_bytes(n)},
                     {"codec_bytes_per_frame", cost.codec_bytes},
                     {"codes_sha256", result.codes_sha256}};
  const std::vector<Quantity> all = quantities(plan, result);
  for (const Quantity& q : all) {
    const Spread spread = spread_of(result, q.value);
    const std::string key = q.key;
    out[q.bare ? key : key + "_median"] = spread.median;
    out[key + "_min"] = spread.min;
    out[key + "_max"] = spread.max;
  }
  if (!result.throughput.empty()) out["throughput"] = throughput_json(result);
  out["repetitions"] = repetitions_json(result, all);
  return out;
}

std::string bench_table(const BenchPlan& plan, const BenchResult& result) {
  const std::vector<Quantity> all = quantities(plan, result);
  const auto of = [&](const std::string& key) {
    const auto at = std::find_if(all.begin(), all.end(),
                                 [&](const auto& q) { return q.key == key; });
    return spread_of(result, at->value);
  };
  const auto percent = [&](const std::string& key) {
    const Spread s = of(key);
    return Spread{s.median * kPercent, s.min * kPercent, s.max * kPercent};
  };
  const auto reads = [&](std::int64_t bytes, const std::string& key) {
    return str_cat(size_text(static_cast<double>(bytes)), ", ",
                   fixed(of(key).median, 1), " GB/s");
  };
  const engine::ModelCost& cost = result.cost;
  const int n = plan.n_streams;
  std::string out = head(plan, result);
  out += str_cat("  ms a frame", std::setw(27), "median", std::setw(11), "min",
                 std::setw(11), "max", "\n");
  out += line("whole frame", of("frame_ms"), 2,
              "real-time factor " + fixed(of("rtf").median, 2));
  out += line("  language model", of("lm_frame_ms"), 2,
              reads(cost.step_bytes(n), "read_gbs"));
  out += line("    backbone", of("backbone_frame_ms"), 2,
              reads(cost.backbone_step_bytes(n), "backbone_gbs"));
  out += line("    depth decoder", of("depth_frame_ms"), 2,
              reads(cost.depth_step_bytes(n), "depth_gbs"));
  out += line("    sampler", of("sampler_frame_ms"), 3, "");
  out += line("    rest", of("rest_frame_ms"), 3, "");
  out += line("  codec", of("codec_frame_ms"), 2,
              reads(cost.codec_bytes, "codec_gbs"));
  out += "\n";
  out += line("read bandwidth, GB/s", of("bandwidth_gbs"), 1,
              "before and after each repetition");
  out += line("  used by the model, %", percent("bandwidth_fraction"), 1, "");
  out += line("prefill, positions/s", of("prefill_positions_per_s"), 1,
              fixed(of("prefill_gops").median, 1) + " Gop/s");
  out += line("  of the peak, %", percent("prefill_peak_fraction"), 1,
              fixed(of("peak_gops").median, 1) + " Gop/s measured");
  out += line("first audio, ms", of("first_audio_ms"), 1, "");
  return out + throughput_lines(result);
}

}  // namespace csm::cli
