#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <string_view>
#include <utility>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "csm/base/json.h"
#include "csm/base/mapped_file.h"
#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"
#include "csm/codec/mimi_config.h"
#include "csm/engine/engine_options.h"
#include "csm/model/generation_defaults.h"
#include "csm/model/model_config.h"
#include "csm/text/tokenizer.h"
#include "csm/weights/checkpoint.h"
#include "csm/weights/quantization.h"

namespace csm::cli {
namespace {

struct InfoArguments {
  std::string model;
  bool json = false;
};

OrderedJson describe_stack(const nn::LlamaConfig& config) {
  return {{"width", config.width},
          {"layers", config.n_layers},
          {"heads", config.n_heads},
          {"kv_heads", config.n_kv_heads},
          {"head_dim", config.head_dim},
          {"ffn", config.hidden},
          {"max_positions", config.max_positions}};
}

OrderedJson describe_config(const std::filesystem::path& folder) {
  const auto config = model::ModelConfig::load(folder);
  const auto codec = codec::MimiConfig::load(folder);
  const auto defaults =
      model::GenerationDefaults::load(folder, config.n_codebooks);
  return {{"codebooks", config.n_codebooks},
          {"audio_vocab", config.audio_vocab},
          {"text_vocab", config.text_vocab},
          {"tied_audio_tables", config.tied_audio_tables},
          {"backbone", describe_stack(config.backbone)},
          {"depth_decoder", describe_stack(config.depth)},
          {"codec",
           {{"sample_rate_hz", codec.sample_rate},
            {"codebook_size", codec.codebook_size},
            {"codebooks", codec.n_codebooks}}},
          {"checkpoint_sampling",
           {{"temperature", std::round(defaults.temperature * 1e6) / 1e6},
            {"top_k", defaults.top_k},
            {"max_frames", defaults.max_frames}}}};
}

OrderedJson describe_tensors(const weights::Checkpoint& checkpoint) {
  struct Sum {
    std::size_t tensors = 0;
    std::size_t values = 0;
    std::size_t bytes = 0;
  };
  std::map<std::string, Sum> sums;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    const weights::TensorView& view = tensor.view;
    Sum& sum = sums[weights::to_string(view.dtype)];
    ++sum.tensors;
    sum.values += view.bytes.size() / weights::size_of(view.dtype);
    sum.bytes += view.bytes.size();
  }
  OrderedJson table = OrderedJson::array();
  for (const auto& [dtype, sum] : sums) {
    table.push_back({{"dtype", dtype},
                     {"tensors", sum.tensors},
                     {"values", sum.values},
                     {"bytes", sum.bytes}});
  }
  return table;
}

// Integer weights by their form; null if there are none.
OrderedJson describe_integers(const std::filesystem::path& folder,
                              const weights::Checkpoint& checkpoint) {
  struct Sum {
    std::size_t tensors = 0;
    std::size_t weights = 0;
    std::size_t bytes = 0;
  };
  const auto bytes_of = [&](const std::string& name) -> std::size_t {
    const auto* tensor = checkpoint.find(name);
    return tensor == nullptr ? 0 : tensor->view.bytes.size();
  };
  constexpr std::string_view kScales = ".scales";
  std::map<std::pair<std::size_t, std::size_t>, Sum> sums;  // bits, group
  Sum all;
  const auto declared = weights::Quantization::load(folder);
  const auto type = engine::stored_weight_type(folder);
  const std::size_t usual_bits = type == engine::WeightType::kInt8 ? 8 : 4;
  for (const auto& [name, scales] : checkpoint.tensors()) {
    if (!name.ends_with(kScales)) continue;
    const std::string module = name.substr(0, name.size() - kScales.size());
    const std::size_t words = bytes_of(module + ".weight");
    const std::size_t n_scales =
        scales.view.bytes.size() / weights::size_of(scales.view.dtype);
    const auto form = declared ? declared->of(module) : std::nullopt;
    const std::size_t bits =
        form ? static_cast<std::size_t>(form->bits) : usual_bits;
    const std::size_t n = words * 8 / bits;
    const std::size_t bytes =
        words + scales.view.bytes.size() + bytes_of(module + ".biases");
    for (Sum* sum :
         {&sums[{bits, n / std::max<std::size_t>(n_scales, 1)}], &all}) {
      ++sum->tensors;
      sum->weights += n;
      sum->bytes += bytes;
    }
  }
  if (all.weights == 0) return nullptr;
  OrderedJson table = OrderedJson::array();
  for (const auto& [form, sum] : sums) {
    table.push_back({{"bits", form.first},
                     {"group_size", form.second},
                     {"tensors", sum.tensors},
                     {"weights", sum.weights},
                     {"bytes", sum.bytes}});
  }
  const double bits_per_weight =
      8.0 * static_cast<double>(all.bytes) / static_cast<double>(all.weights);
  return {{"dtype", engine::to_string(type)},
          {"mode", "affine"},
          {"bits_per_weight", std::round(bits_per_weight * 1000) / 1000},
          {"forms", table}};
}

OrderedJson describe_files(const weights::Checkpoint& checkpoint) {
  std::set<std::string> names;
  for (const auto& [name, tensor] : checkpoint.tensors()) {
    names.insert(tensor.file);
  }
  OrderedJson files = OrderedJson::array();
  for (const std::string& name : names) {
    const std::filesystem::path path = name;
    const MappedFile file(path);
    files.push_back({{"name", path.filename().string()},
                     {"bytes", file.bytes().size()},
                     {"sha256", sha256_hex(file.bytes())}});
  }
  return files;
}

// "name  value" lines of a JSON object, nested ones indented.
void print_tree(const OrderedJson& json, const std::string& indent,
                std::string& out) {
  for (const auto& [name, value] : json.items()) {
    if (!value.is_structured()) {
      out += str_cat(
          indent, name, ": ",
          value.is_string() ? value.get<std::string>() : value.dump(), "\n");
      continue;
    }
    if (json.is_object()) {
      out += str_cat(indent, name, ":\n");
      print_tree(value, indent + "  ", out);
      continue;
    }
    out += indent;
    for (const auto& [key, field] : value.items()) {
      out += str_cat(
          key, " ", field.is_string() ? field.get<std::string>() : field.dump(),
          "  ");
    }
    out.back() = '\n';
  }
}

void run_info(const InfoArguments& arguments) {
  const auto folder = resolve_model(arguments.model);
  OrderedJson info = {{"model", folder.string()}, {"layout", "huggingface"}};
  info["config"] = describe_config(folder);
  const auto checkpoint = weights::Checkpoint::open(folder);
  if (auto integers = describe_integers(folder, checkpoint);
      !integers.is_null()) {
    info["quantization"] = std::move(integers);
  }
  info["tensors"] = describe_tensors(checkpoint);
  info["files"] = describe_files(checkpoint);
  const auto tokenizer = text::Tokenizer::load(folder / "tokenizer.json");
  info["tokenizer"] = {{"tokens", tokenizer.vocab_size()}};
  if (arguments.json) {
    write_stdout(info.dump() + "\n");
    return;
  }
  std::string text;
  print_tree(info, "", text);
  write_stdout(text);
}

}  // namespace

void add_info(CLI::App& app) {
  const auto arguments = std::make_shared<InfoArguments>();
  CLI::App* command = app.add_subcommand("info", "What a model consists of");
  command->add_option("--model,model", arguments->model,
                      "Folder of the model (default: the demo model)");
  command->add_flag("--json", arguments->json, "One JSON object");
  command->callback([arguments] { run_info(*arguments); });
}

}  // namespace csm::cli
