#include <CLI/CLI.hpp>
#include <memory>
#include <string>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_output.h"
#include "cli/model_path.h"
#include "csm/base/json.h"
#include "csm/base/str_cat.h"
#include "csm/engine/quantize_model.h"

namespace csm::cli {
namespace {

constexpr double kMega = 1e6;

struct QuantizeArguments {
  std::string model;
  std::string dtype = "int4";
  int group = 64;
  ModelOutput to_write;
  int threads = 0;
};

engine::QuantizeOptions options_of(const QuantizeArguments& arguments) {
  engine::QuantizeOptions options;
  const auto type = engine::parse_weight_type(arguments.dtype);
  if (type != engine::WeightType::kInt8 && type != engine::WeightType::kInt4) {
    throw UsageError(
        str_cat("--dtype: expected int8 or int4, got '", arguments.dtype, "'"));
  }
  options.weight_type = *type;
  options.model_dir = resolve_model(arguments.model);
  options.output = arguments.to_write.output;
  options.group = arguments.group;
  options.replace = arguments.to_write.force;
  options.threads = arguments.threads;
  return options;
}

OrderedJson describe(const QuantizeArguments& arguments,
                     const engine::QuantizeReport& report) {
  return {{"output", arguments.to_write.output},
          {"dtype", arguments.dtype},
          {"group_size", arguments.group},
          {"int4_matrices", report.n_int4},
          {"int8_matrices", report.n_int8},
          {"other_tensors", report.n_float},
          {"matrix_values", report.matrix_values},
          {"matrix_bytes", report.matrix_bytes},
          {"source_bytes", report.source_bytes},
          {"bytes", report.bytes}};
}

std::string summarise(const QuantizeArguments& arguments,
                      const engine::QuantizeReport& report) {
  const auto mega = [](std::int64_t bytes) {
    return fixed(static_cast<double>(bytes) / kMega, 1);
  };
  const double bits = 8.0 * static_cast<double>(report.matrix_bytes) /
                      static_cast<double>(report.matrix_values);
  return str_cat(arguments.to_write.output, ": ", report.n_int4,
                 " matrices of 4 bits, ", report.n_int8, " of 8 bits (",
                 fixed(bits, 2), " bits a weight with scales), ",
                 report.n_float, " other tensors; ", mega(report.bytes),
                 " MB, was ", mega(report.source_bytes), " MB");
}

void run_quantize(const QuantizeArguments& arguments) {
  engine::QuantizeOptions options = options_of(arguments);
  arguments.to_write.run(
      "quantize", [&](const ModelOutput::Progress& progress) {
        options.progress = progress;
        const engine::QuantizeReport report = engine::quantize_model(options);
        return ModelOutput::Report{.json = describe(arguments, report),
                                   .text = summarise(arguments, report)};
      });
}

}  // namespace

void add_quantize(CLI::App& app) {
  const auto arguments = std::make_shared<QuantizeArguments>();
  CLI::App* command = app.add_subcommand(
      "quantize", "Write a model with integer weights, in MLX's layout");
  command->add_option("--model", arguments->model,
                      "Folder of the model (default: the demo model)");
  command->add_option("--dtype", arguments->dtype, "int8 or int4")
      ->capture_default_str();
  command
      ->add_option("--group", arguments->group,
                   "Columns of a row that share a scale: 32, 64 or 128")
      ->check(CLI::IsMember({32, 64, 128}))
      ->capture_default_str();
  command
      ->add_option("--threads", arguments->threads,
                   "Threads on the CPU (0: one for each processor)")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
  arguments->to_write.add_to(*command, "a quantised model");
  command->callback([arguments] { run_quantize(*arguments); });
}

}  // namespace csm::cli
