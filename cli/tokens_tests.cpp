#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "cli/console.h"
#include "cli/tokens.h"
#include "cli/tokens_options.h"
#include "cli/tokens_progress.h"
#include "cli/tokens_source.h"
#include "cli/tokens_summary.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/validate/match.h"
#include "csm/validate/measure.h"
#include "csm/validate/probes.h"
#include "csm/validate/reference_sampler.h"
#include "csm/validate/report.h"
#include "csm/validate/setting.h"
#include "csm/validate/speech_sweep.h"
#include "csm/validate/sweep_state.h"
#include "csm/validate/thresholds.h"
#include "csm/validate/torch_sampler.h"

namespace csm::cli {
namespace {

using validate::Check;
using validate::LogitRows;
using validate::MeasureOptions;

/// What a mode does, and how much of it.
struct Mode {
  const char* name;
  const char* help;
  TokenSource::Size size;
  bool has_settings, has_sweep;
  int n_draws;
  int sweep_frames, sweep_draws;
  int n_permutations;
};

constexpr Mode kModes[] = {
    {"quick",
     "One setting, in seconds",
     {2, 2, 16},
     true,
     false,
     200,
     0,
     0,
     199},
    {"sweep",
     "A grid of temperature and top-k, resumable",
     {4, 2, 16},
     false,
     true,
     0,
     8,
     300,
     99},
    {"detailed",
     "One setting by codebook, frame and growing sample size",
     {8, 4, 64},
     true,
     false,
     2000,
     0,
     0,
     199},
    {"all", "detailed and sweep", {8, 4, 64}, true, true, 2000, 8, 300, 199}};
constexpr int kProbes = 64;
constexpr int kProbeVocab = 2051;
constexpr int kMostTorchDraws = 200;

struct TestArguments {
  TokenSource source;
  TokenSampling sampling;
  std::string report;
  std::string thresholds;
  std::string state;
  std::string speech;
  bool restart = false;
  bool json = false;
  bool pytorch = false;
  std::string python = CSM_SOURCE_DIR "/build/oracle/bin/python";
  std::optional<int> draws, frames;
  validate::SweepGrid grid;
};

/// One run of a mode, from logits to results.
class TokenTest {
 public:
  TokenTest(const Mode& mode, const TestArguments& arguments)
      : mode_(mode), arguments_(arguments) {}

  void run();

 private:
  [[nodiscard]] MeasureOptions measure_options(int n_draws) const;
  void load();
  void measure_settings();
  void measure_sweep();
  void measure_cell(validate::SweepState& state, const LogitRows& rows,
                    const sampling::SamplerOptions& options,
                    const MeasureOptions& measure);
  void measure_probes();
  void measure_torch();
  [[nodiscard]] std::vector<Check> check() const;
  [[nodiscard]] std::vector<sampling::SamplerKind> kinds() const;
  [[nodiscard]] double work(const LogitRows& rows, int n_draws) const;

  const Mode& mode_;
  const TestArguments& arguments_;
  TestProgress progress_;
  LogitRows rows_;
  sampling::SamplerOptions options_;
  OrderedJson results_;
};

// Draws of ours and of the reference, thrice.
double TokenTest::work(const LogitRows& rows, int n_draws) const {
  return 4.0 * rows.n_rows() * n_draws;
}

MeasureOptions TokenTest::measure_options(int n_draws) const {
  MeasureOptions measure;
  measure.n_draws = n_draws;
  measure.seed = arguments_.sampling.seed;
  measure.n_permutations = mode_.n_permutations;
  return measure;
}

// torch-bf16 alone if it is asked for; else both, transformers' first.
std::vector<sampling::SamplerKind> TokenTest::kinds() const {
  if (options_.kind == sampling::SamplerKind::kTorchBf16) {
    return {options_.kind};
  }
  return {sampling::SamplerKind::kTorchF32, sampling::SamplerKind::kTorchBf16};
}

void TokenTest::load() {
  TokenSource::Size size = mode_.size;
  if (arguments_.frames) size.n_frames = *arguments_.frames;
  auto source = arguments_.source.load(
      arguments_.sampling, size, [&](int done, int total) {
        progress_.show(str_cat("speaking prompt ", done, " of ", total));
      });
  rows_ = std::move(source.rows);
  options_ = arguments_.sampling.resolve(rows_.n_valid_codes);
  results_ = {{"tool", "csm tokens"},
              {"version", CSM_VERSION},
              {"mode", mode_.name},
              {"seed", arguments_.sampling.seed},
              {"codec_safety", sampling::to_string(options_.codec_safety)},
              {"source", std::move(source.description)}};
}

void TokenTest::measure_settings() {
  MeasureOptions measure =
      measure_options(arguments_.draws.value_or(mode_.n_draws));
  measure.breakdown = true;
  measure.curve = {10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10000, 20000};
  const double stage = work(rows_, measure.n_draws) / 4.0;
  results_["settings"] = OrderedJson::array();
  for (const auto kind : kinds()) {
    options_.kind = kind;
    int n_stages = 0;
    OrderedJson setting = validate::measure(
        rows_, options_, measure, validate::csm_sampler(),
        [&](const std::string& what) {
          if (n_stages > 0 && n_stages <= 4) progress_.finish(stage);
          ++n_stages;
          progress_.show(str_cat(sampling::to_string(kind), ": ", what));
        });
    setting["sampler"] = sampling::to_string(kind);
    results_["settings"].push_back(std::move(setting));
  }
  options_.kind = kinds().front();
}

void TokenTest::measure_cell(validate::SweepState& state, const LogitRows& rows,
                             const sampling::SamplerOptions& options,
                             const MeasureOptions& measure) {
  OrderedJson cell =
      validate::measure(rows, options, measure, validate::csm_sampler());
  cell["sampler"] = sampling::to_string(options.kind);
  state.add(std::move(cell));
}

void TokenTest::measure_sweep() {
  const LogitRows rows = spread_frames(rows_, mode_.sweep_frames);
  MeasureOptions measure =
      measure_options(arguments_.draws.value_or(mode_.sweep_draws));
  measure.safety = false;
  std::string path = arguments_.state;
  if (path.empty() && !arguments_.report.empty()) {
    std::filesystem::create_directories(arguments_.report);
    path = arguments_.report + "/sweep-state.json";
  }
  validate::SweepState state(
      path, validate::sweep_fingerprint(rows, options_, measure),
      arguments_.restart);
  if (!state.cells().empty()) {
    progress_.clear();
    say(str_cat("csm: going on after ", state.cells().size(),
                " finished cells (", path, ")"));
  }
  const auto& grid = arguments_.grid;
  const std::size_t n_cells = grid.temperatures.size() * grid.top_ks.size();
  results_["sweep"] = OrderedJson::array();
  for (const double temperature : grid.temperatures) {
    for (const int top_k : grid.top_ks) {
      progress_.show(str_cat("cell ", results_["sweep"].size() + 1, " of ",
                             n_cells, ": temperature ", temperature, ", top-k ",
                             top_k));
      if (state.find(temperature, top_k) == nullptr) {
        auto options = options_;
        options.temperature = static_cast<float>(temperature);
        options.top_k = top_k;
        options.validate();
        measure_cell(state, rows, options, measure);
      }
      progress_.finish(work(rows, measure.n_draws));
      results_["sweep"].push_back(*state.find(temperature, top_k));
    }
  }
  if (!arguments_.speech.empty()) {
    validate::SpeechSweep::load(arguments_.speech).merge(results_);
  }
}

void TokenTest::measure_probes() {
  for (const auto kind :
       {validate::ProbeKind::kSmallNoise, validate::ProbeKind::kLargeNoise}) {
    progress_.show(str_cat("probes: ", validate::to_string(kind)));
    const auto probes = validate::make_probes(kind, kProbeVocab, kProbes);
    results_["probes"][validate::to_string(kind)] = {
        {"count", probes.size()},
        {"failed",
         validate::count_failed_probes(probes, validate::csm_sampler())}};
  }
}

void TokenTest::measure_torch() {
  const auto torch = validate::torch_sampler(
      {arguments_.python, CSM_SOURCE_DIR "/tools/oracle/draw_tokens.py"});
  const int n_draws =
      std::min(kMostTorchDraws, arguments_.draws.value_or(kMostTorchDraws));
  const std::uint64_t seed = arguments_.sampling.seed;
  std::int64_t n_codes = 0, n_ours = 0, n_reference = 0;
  for (const auto kind : kinds()) {
    progress_.show(str_cat("live PyTorch: ", sampling::to_string(kind)));
    auto options = options_;
    options.kind = kind;
    const auto live = torch(rows_, options, n_draws, seed);
    const auto ours = validate::match_codes(
        validate::csm_sampler()(rows_, options, n_draws, seed), live, {}, 0.0,
        rows_.n_rows());
    const auto reference = validate::match_codes(
        validate::draw_reference(rows_, options, n_draws, seed).codes, live, {},
        0.0, rows_.n_rows());
    n_codes += ours.n_codes;
    n_ours += ours.n_equal;
    n_reference += reference.n_equal;
  }
  const auto describe = [&](std::int64_t n_equal) {
    return OrderedJson{
        {"codes", n_codes},
        {"equal", n_equal},
        {"unequal", n_codes - n_equal},
        {"rate", static_cast<double>(n_equal) / static_cast<double>(n_codes)}};
  };
  results_["pytorch"] = {{"match", describe(n_ours)},
                         {"reference_match", describe(n_reference)}};
}

std::vector<Check> TokenTest::check() const {
  if (arguments_.thresholds.empty()) return {};
  const auto thresholds = validate::Thresholds::load(arguments_.thresholds);
  std::vector<Check> checks = thresholds.check_run(results_);
  for (const char* kind : {"settings", "sweep"}) {
    if (!results_.contains(kind)) continue;
    for (const OrderedJson& result : results_[kind]) {
      const auto more =
          thresholds.check_setting(result, validate::describe_setting(result));
      checks.insert(checks.end(), more.begin(), more.end());
    }
  }
  return checks;
}

void TokenTest::run() {
  load();
  const int n_draws = arguments_.draws.value_or(mode_.n_draws);
  const int sweep_draws = arguments_.draws.value_or(mode_.sweep_draws);
  if (mode_.has_settings) {
    progress_.expect(work(rows_, n_draws) *
                     static_cast<double>(kinds().size()));
  }
  if (mode_.has_sweep) {
    progress_.expect(
        work(spread_frames(rows_, mode_.sweep_frames), sweep_draws) *
        static_cast<double>(arguments_.grid.temperatures.size() *
                            arguments_.grid.top_ks.size()));
  }
  if (mode_.has_settings) measure_settings();
  if (mode_.has_sweep) measure_sweep();
  measure_probes();
  if (arguments_.pytorch) measure_torch();
  progress_.clear();

  const std::vector<Check> checks = check();
  results_["checks"] = describe_checks(checks);
  if (!arguments_.report.empty()) {
    validate::write_report(arguments_.report, results_, checks);
  }
  write_stdout(arguments_.json ? results_.dump() + "\n"
                               : summarise(results_, checks));
  if (!arguments_.report.empty()) say(arguments_.report + "/index.html");
  throw_if_failed(checks);
}

void check_arguments(const TestArguments& arguments, const Mode& mode) {
  if (arguments.sampling.greedy) {
    throw UsageError("--greedy draws nothing that could be tested");
  }
  if (mode.has_sweep && arguments.report.empty() && arguments.state.empty()) {
    throw UsageError(
        "expected --report or --state, where an interrupted "
        "sweep is kept");
  }
  if (!arguments.report.empty()) {
    validate::Plotter(arguments.report).check();
  }
  if (!arguments.thresholds.empty()) {
    (void)validate::Thresholds::load(arguments.thresholds);
  }
  if (!arguments.speech.empty()) {
    (void)validate::SpeechSweep::load(arguments.speech);
  }
  if (arguments.pytorch) {
    validate::TorchOracle{arguments.python,
                          CSM_SOURCE_DIR "/tools/oracle/draw_tokens.py"}
        .check();
  }
}

void add_options(CLI::App& command, TestArguments& arguments,
                 const Mode& mode) {
  arguments.source.add_to(command);
  arguments.sampling.add_to(command);
  const auto count = CLI::Range(1, 1 << 24);
  command
      .add_option("--draws", arguments.draws, "Draws from each row of logits")
      ->check(count);
  command.add_option("--frames", arguments.frames, "Frames of logits")
      ->check(count);
  command.add_option("--report", arguments.report,
                     "Folder for a page with pictures, results.json and "
                     "results.csv");
  command.add_option("--thresholds", arguments.thresholds,
                     "File of limits; exit status 1 if one is exceeded");
  command.add_flag("--json", arguments.json,
                   "All results as one JSON object on standard output");
  command.add_flag("--pytorch", arguments.pytorch,
                   "Compare with live PyTorch, too");
  command
      .add_option("--python", arguments.python,
                  "Python that has torch, for --pytorch")
      ->capture_default_str();
  if (!mode.has_sweep) return;
  command
      .add_option("--temperatures", arguments.grid.temperatures,
                  "Rows of the grid")
      ->delimiter(',');
  command.add_option("--top-ks", arguments.grid.top_ks, "Columns of the grid")
      ->delimiter(',');
  command.add_option("--state", arguments.state,
                     "File that keeps finished cells (default: in --report)");
  command.add_option("--speech", arguments.speech,
                     "File of tools/oracle/speech_sweep.py: word error rate, "
                     "duration and spectrum of the speech by cell");
  command.add_flag("--restart", arguments.restart,
                   "Forget what --state has kept");
}

}  // namespace

void add_tokens_tests(CLI::App& tokens) {
  for (const Mode& mode : kModes) {
    const auto arguments = std::make_shared<TestArguments>();
    CLI::App* command = tokens.add_subcommand(mode.name, mode.help);
    add_options(*command, *arguments, mode);
    command->callback([arguments, &mode] {
      check_arguments(*arguments, mode);
      TokenTest(mode, *arguments).run();
    });
  }
}

}  // namespace csm::cli
