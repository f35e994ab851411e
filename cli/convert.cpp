#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_output.h"
#include "cli/model_path.h"
#include "csm/base/json.h"
#include "csm/base/str_cat.h"
#include "csm/engine/convert_model.h"

namespace csm::cli {
namespace {

constexpr double kMega = 1e6;
constexpr const char* kStored = "stored";
constexpr const char* kGguf = "gguf";

struct ConvertArguments {
  FilesOptions files;
  std::string to = "huggingface";
  std::string dtype = kStored;
  ModelOutput to_write;
};

std::optional<weights::Dtype> parse_type(const std::string& name) {
  if (name == kStored) return std::nullopt;
  if (name == "f32") return weights::Dtype::kF32;
  if (name == "f16") return weights::Dtype::kF16;
  if (name == "bf16") return weights::Dtype::kBf16;
  if (name == "q8_0") return weights::Dtype::kQ8_0;
  if (name == "q4_0") return weights::Dtype::kQ4_0;
  throw UsageError(
      str_cat("--dtype: expected stored, f32, f16, bf16, or q8_0 or q4_0 with "
              "--to gguf (csm quantize makes other integers), got '",
              name, "'"));
}

weights::Layout parse_target(const std::string& name) {
  if (name == kGguf) return weights::Layout::kCsmTts;
  if (const auto layout = weights::parse_layout(name)) return *layout;
  throw UsageError(str_cat(
      "--to: expected huggingface, original, mlx or gguf, got '", name, "'"));
}

engine::ConvertOptions options_of(const ConvertArguments& arguments) {
  engine::ConvertOptions options;
  options.layout = parse_target(arguments.to);
  options.dtype = parse_type(arguments.dtype);
  if (options.dtype && weights::is_block(*options.dtype) &&
      options.layout != weights::Layout::kCsmTts) {
    throw UsageError(str_cat("--dtype: ", arguments.dtype,
                             " is for --to gguf only, got --to ",
                             arguments.to));
  }
  options.files = arguments.files.files();
  options.output = arguments.to_write.output;
  options.replace = arguments.to_write.force;
  return options;
}

OrderedJson describe(const ConvertArguments& arguments,
                     const engine::ConvertReport& report) {
  OrderedJson files = OrderedJson::array();
  for (const auto& file : report.files) {
    files.push_back({{"name", file.name},
                     {"tensors", file.n_tensors},
                     {"bytes", file.bytes}});
  }
  return {{"output", arguments.to_write.output},
          {"from", weights::to_string(report.from)},
          {"to", arguments.to},
          {"dtype", arguments.dtype},
          {"files", files},
          {"tokenizer", report.has_tokenizer}};
}

std::string summarise(const ConvertArguments& arguments,
                      const engine::ConvertReport& report) {
  std::string text =
      str_cat(arguments.to_write.output, ": ", weights::to_string(report.from),
              " to ", arguments.to, ", dtype ", arguments.dtype);
  for (const auto& file : report.files) {
    text += str_cat("; ", file.name, ": ", file.n_tensors, " tensors, ",
                    fixed(static_cast<double>(file.bytes) / kMega, 1), " MB");
  }
  if (!report.has_tokenizer) {
    text += "; the source has no tokenizer.json, so none was written";
  }
  return text;
}

void run_convert(const ConvertArguments& arguments) {
  engine::ConvertOptions options = options_of(arguments);
  arguments.to_write.run("convert", [&](const ModelOutput::Progress& progress) {
    options.progress = progress;
    const engine::ConvertReport report = engine::convert_model(options);
    return ModelOutput::Report{.json = describe(arguments, report),
                               .text = summarise(arguments, report)};
  });
}

}  // namespace

void add_convert(CLI::App& app) {
  const auto arguments = std::make_shared<ConvertArguments>();
  CLI::App* command =
      app.add_subcommand("convert", "Write a model in another layout or type");
  arguments->files.add_to(*command);
  command
      ->add_option("--to", arguments->to,
                   "Layout to write: huggingface, original, mlx, or gguf for "
                   "a file of CrispASR's form (csm-tts)")
      ->capture_default_str();
  command
      ->add_option("--dtype", arguments->dtype,
                   "Of the language model: f32, f16 or bf16, with --to gguf "
                   "also q8_0 and q4_0; stored: as it is, f32 where that is "
                   "integers")
      ->capture_default_str();
  arguments->to_write.add_to(*command, "a model");
  command->callback([arguments] { run_convert(*arguments); });
}

}  // namespace csm::cli
