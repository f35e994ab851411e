#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/doctor_report.h"
#include "csm/base/json.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::cli {
namespace {

constexpr double kGiga = 1e9;
constexpr double kMilli = 1e3;

struct DoctorArguments {
  bool json = false;
};

std::string padded(std::string text, std::size_t width) {
  text.resize(std::max(text.size(), width), ' ');
  return text;
}

std::string line(const std::string& name, const std::string& value) {
  constexpr std::size_t kName = 14;
  return padded(name, kName) + value + "\n";
}

std::string joined(const std::vector<std::string>& words) {
  std::string out;
  for (const std::string& word : words) {
    out += (out.empty() ? "" : ", ") + word;
  }
  return out;
}

std::string threads(int n) {
  return str_cat(n, n == 1 ? " thread" : " threads");
}

std::string gigabytes(double bytes) { return fixed(bytes / kGiga, 1) + " GB"; }

// Three figures are enough for people.
double rounded(double value) {
  if (value == 0) return 0;
  const double unit =
      std::pow(10.0, std::floor(std::log10(std::fabs(value))) - 2);
  return std::round(value / unit) * unit;
}

std::string row_of(const Expectation& expectation, bool best) {
  constexpr std::size_t kType = 6, kMemory = 10, kFrame = 11, kRtf = 9;
  const auto& [type, memory, fits, n_threads, frame, rtf] = expectation;
  std::string out =
      padded(engine::to_string(type), kType) +
      padded(gigabytes(static_cast<double>(memory)), kMemory) +
      padded(frame ? fixed(*frame * kMilli, 1) + " ms" : "?", kFrame) +
      padded(rtf ? fixed(*rtf, *rtf < 1 ? 3 : 2) : "?", kRtf);
  if (!fits.value_or(true)) out += "too little memory free";
  if (best) {
    out += str_cat("<- --dtype ", engine::to_string(type), " --threads ",
                   n_threads);
  }
  while (out.ends_with(' ')) out.pop_back();
  return out;
}

std::string describe_machine(const DoctorReport& report) {
  std::string out =
      line("csm", str_cat(CSM_VERSION, ", MLX ", report.backend.mlx_version));
  out += line("processor", str_cat(report.cpus, " usable, ", report.isa,
                                   " (of ", joined(report.isas), ")"));
  out += line("graphics", report.backend.gpus.empty()
                              ? "none that this build of MLX can use"
                              : joined(report.backend.gpus));
  out +=
      line("memory",
           report.free_memory
               ? gigabytes(static_cast<double>(*report.free_memory)) + " free"
               : "free memory is not known");
  for (const MachineSpeed& speed : report.speeds) {
    out += line(
        &speed == report.speeds.data() ? "speed" : "",
        str_cat(threads(speed.threads), ": ", fixed(speed.bandwidth / kGiga, 1),
                " GB/s, ", fixed(speed.float_peak / kGiga, 0), " GFLOPS, int8 ",
                fixed(speed.int8_peak / kGiga, 0), " GOPS, int4 ",
                fixed(speed.int4_peak / kGiga, 0), " GOPS"));
  }
  if (report.speeds.empty()) {
    out += line("speed", "not measured: " + report.not_measured);
  }
  for (const auto& device : report.loudspeakers) {
    out += line(
        &device == report.loudspeakers.data() ? "loudspeakers" : "",
        str_cat(printable(device.name), ", ", fixed(device.sample_rate_hz, 0),
                " Hz", device.is_default ? ", default" : ""));
  }
  if (report.loudspeakers.empty()) {
    out += line("loudspeakers", "none: " + report.no_loudspeaker);
  }
  for (const FoundModel& model : report.models) {
    out += line(&model == report.models.data() ? "models" : "",
                str_cat(model.name, "  ", printable(model.path, 200)));
  }
  if (report.models.empty()) {
    out += line("models", "none: csm pull sesame/csm-1b");
  }
  return out;
}

std::string describe(const DoctorReport& report) {
  std::string out = describe_machine(report) + "\n" +
                    line("expected", "dtype memory    frame      RTF");
  for (const Advice& advice : report.advice) {
    for (std::size_t i = 0; i < advice.types.size(); ++i) {
      out += line(i == 0 ? advice.model : "",
                  row_of(advice.types[i], advice.best == i));
    }
    if (!advice.best) out += line("", "too little memory free for any");
  }
  return out +
         "RTF: time of a frame over the 80 ms that it sounds; below 1 is "
         "faster than speech\n";
}

OrderedJson json_of(const Advice& advice) {
  OrderedJson types = OrderedJson::array();
  for (const Expectation& e : advice.types) {
    OrderedJson entry = {{"dtype", engine::to_string(e.type)},
                         {"memory_bytes", e.memory},
                         {"fits", nullptr},
                         {"threads", e.threads},
                         {"frame_ms", nullptr},
                         {"rtf", nullptr}};
    if (e.fits) entry["fits"] = *e.fits;
    if (e.frame) entry["frame_ms"] = rounded(*e.frame * kMilli);
    if (e.rtf) entry["rtf"] = rounded(*e.rtf);
    types.push_back(std::move(entry));
  }
  OrderedJson out = {
      {"model", advice.model}, {"recommended", nullptr}, {"expected", types}};
  if (advice.best) {
    const Expectation& best = advice.types[*advice.best];
    out["recommended"] = {{"dtype", engine::to_string(best.type)},
                          {"threads", best.threads}};
  }
  return out;
}

OrderedJson json_of(const DoctorReport& report) {
  OrderedJson out = {{"version", CSM_VERSION},
                     {"mlx_version", report.backend.mlx_version},
                     {"processors", report.cpus},
                     {"isa", report.isa},
                     {"isas", report.isas},
                     {"gpus", report.backend.gpus},
                     {"free_memory_bytes", nullptr},
                     {"speed", OrderedJson::array()},
                     {"loudspeakers", OrderedJson::array()},
                     {"models", OrderedJson::array()},
                     {"advice", OrderedJson::array()}};
  if (report.free_memory) out["free_memory_bytes"] = *report.free_memory;
  for (const MachineSpeed& speed : report.speeds) {
    out["speed"].push_back(
        {{"threads", speed.threads},
         {"bandwidth_gb_s", rounded(speed.bandwidth / kGiga)},
         {"float_gflops", rounded(speed.float_peak / kGiga)},
         {"int8_gops", rounded(speed.int8_peak / kGiga)},
         {"int4_gops", rounded(speed.int4_peak / kGiga)}});
  }
  for (const auto& device : report.loudspeakers) {
    out["loudspeakers"].push_back({{"name", printable(device.name)},
                                   {"sample_rate_hz", device.sample_rate_hz},
                                   {"default", device.is_default}});
  }
  for (const FoundModel& model : report.models) {
    out["models"].push_back({{"name", model.name}, {"path", model.path}});
  }
  for (const Advice& advice : report.advice) {
    out["advice"].push_back(json_of(advice));
  }
  return out;
}

}  // namespace

void add_doctor(CLI::App& app) {
  const auto arguments = std::make_shared<DoctorArguments>();
  CLI::App* command = app.add_subcommand(
      "doctor", "What this machine has and how fast it will speak");
  command->add_flag("--json", arguments->json, "One JSON object");
  command->callback([arguments] {
    Progress progress;
    progress.show("doctor: measuring");
    const DoctorReport report = examine();
    progress.clear();
    write_stdout(arguments->json ? json_of(report).dump() + "\n"
                                 : describe(report));
  });
}

}  // namespace csm::cli
