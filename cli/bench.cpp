#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/bench_report.h"
#include "cli/bench_roofline.h"
#include "cli/bench_run.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "csm/engine/random_model.h"

namespace csm::cli {
namespace {

constexpr int kMaxFrames = 100000;
constexpr int kMaxStreams = 64;
constexpr int kMaxRepetitions = 1000;

struct BenchArguments {
  ModelOptions model;
  BenchPlan plan;
  std::string save_weights;
  std::string roofline;
  bool mlx_operations = false;
  bool json = false;
};

BenchPlan make_plan(const BenchArguments& arguments) {
  if (!arguments.model.random_weights.empty() &&
      !arguments.model.model.empty()) {
    throw UsageError("expected --model or --random-weights, got both");
  }
  if (arguments.model.device != "cpu") {
    throw UsageError(
        "--device: expected cpu, the only one that csm bench "
        "can time by stage, got '" +
        arguments.model.device + "'");
  }
  if (!arguments.save_weights.empty() &&
      arguments.model.random_weights.empty()) {
    throw UsageError("--save-weights needs --random-weights");
  }
  BenchPlan plan = arguments.plan;
  plan.model = arguments.model.resolve();
  plan.model.composed = arguments.mlx_operations;
  if (!plan.model.random_weights.empty()) {
    (void)engine::random_model_config(plan.model.random_weights);
  }
  return plan;
}

void run(const BenchArguments& arguments) {
  const BenchPlan plan = make_plan(arguments);
  if (!arguments.roofline.empty()) check_roofline(arguments.roofline);
  const BenchResult result = run_bench(plan, arguments.save_weights);
  if (!arguments.roofline.empty()) {
    draw_roofline(plan, result, arguments.roofline);
  }
  write_stdout(arguments.json ? bench_json(plan, result).dump() + "\n"
                              : bench_table(plan, result));
}

void add_counts(CLI::App& command, BenchPlan& plan) {
  command
      .add_option("--frames", plan.n_frames,
                  "Frames of a repetition, after the first one")
      ->check(CLI::Range(1, kMaxFrames))
      ->capture_default_str();
  command
      .add_option("--batch", plan.n_streams,
                  "Streams that speak at the same time, in one batch")
      ->check(CLI::Range(1, kMaxStreams))
      ->capture_default_str();
  command
      .add_option("--repetitions", plan.n_repetitions,
                  "Repetitions; medians are over these")
      ->check(CLI::Range(1, kMaxRepetitions))
      ->capture_default_str();
  command
      .add_option("--prompt", plan.n_prompt,
                  "Positions of the prompt, for prefill and first audio")
      ->check(CLI::Range(1, kMaxFrames))
      ->capture_default_str();
  command.add_flag("--throughput", plan.throughput,
                   "Also measure 1, 2, 4 and 8 streams");
}

}  // namespace

void add_bench(CLI::App& app) {
  const auto arguments = std::make_shared<BenchArguments>();
  CLI::App* command = app.add_subcommand(
      "bench", "Measure speed by stage, against the machine's own limits");
  arguments->model.add_to(*command);
  command->add_option("--random-weights", arguments->model.random_weights,
                      "Instead of a model: random weights of the shape "
                      "csm-1b, demo or tiny");
  command->add_option("--save-weights", arguments->save_weights,
                      "Write the random weights to this folder, for other "
                      "programs");
  add_counts(*command, arguments->plan);
  command->add_option("--roofline", arguments->roofline,
                      "Picture of the stages below the machine's limits, .png");
  command->add_flag("--mlx-operations", arguments->mlx_operations,
                    "MLX's own operations in place of our kernels, which then "
                    "count as rest: what the kernels gain");
  command->add_flag("--json", arguments->json,
                    "One JSON object on standard output");
  command->callback([arguments] { run(*arguments); });
}

}  // namespace csm::cli
