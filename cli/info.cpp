#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstddef>
#include <filesystem>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/mapped_file.h"
#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"
#include "csm/codec/mimi_config.h"
#include "csm/engine/engine_options.h"
#include "csm/engine/model_source.h"
#include "csm/model/generation_defaults.h"
#include "csm/model/model_config.h"
#include "csm/weights/checkpoint.h"
#include "csm/weights/quantization.h"
#include "csm/weights/weight_store.h"

namespace csm::cli {
namespace {

struct InfoArguments {
  FilesOptions files;
  bool json = false;
};

// What a model is described from; what cannot be read is a problem.
struct Parts {
  engine::ModelFiles files;
  std::optional<weights::WeightStore> store;
  std::optional<weights::Checkpoint> checkpoint;  // without a store
  std::vector<Error> problems;

  // Runs f; a failure becomes a problem. False: it failed.
  template <class F>
  bool attempt(F&& f) {
    try {
      f();
      return true;
    } catch (const Error& error) {
      problems.push_back(error);
      return false;
    }
  }

  // Those of the model, then those of a codec that has its own.
  [[nodiscard]] std::vector<const weights::Checkpoint*> checkpoints() const {
    if (!store) {
      return checkpoint ? std::vector{&*checkpoint}
                        : std::vector<const weights::Checkpoint*>();
    }
    std::vector<const weights::Checkpoint*> out = {&store->checkpoint()};
    if (store->codec_checkpoint()) out.push_back(&*store->codec_checkpoint());
    return out;
  }
};

// Files that a model's speech depends on; of one that cannot be opened, those
// of its weights.
std::set<std::filesystem::path> paths_of(const Parts& parts) {
  if (parts.store) return engine::files_of(parts.files);
  std::set<std::filesystem::path> paths;
  for (const weights::Checkpoint* checkpoint : parts.checkpoints()) {
    paths.merge(checkpoint->files());
  }
  return paths;
}

OrderedJson describe_stack(const nn::LlamaConfig& config) {
  return {{"width", config.width},
          {"layers", config.n_layers},
          {"heads", config.n_heads},
          {"kv_heads", config.n_kv_heads},
          {"head_dim", config.head_dim},
          {"ffn", config.hidden},
          {"rope_theta", config.rope.theta},
          {"rope_factor", config.rope.llama3 ? config.rope.llama3->factor : 1},
          {"max_positions", config.max_positions}};
}

OrderedJson describe_config(const engine::ModelConfigs& configs,
                            const std::filesystem::path& folder) {
  const model::ModelConfig& config = configs.model;
  const codec::MimiConfig& codec = configs.codec;
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

OrderedJson describe_tensors(const Parts& parts) {
  struct Sum {
    std::size_t tensors = 0;
    std::size_t values = 0;
    std::size_t bytes = 0;
  };
  std::map<std::string, Sum> sums;
  for (const weights::Checkpoint* checkpoint : parts.checkpoints()) {
    for (const auto& [name, tensor] : checkpoint->tensors()) {
      Sum& sum = sums[weights::to_string(tensor.view.dtype)];
      ++sum.tensors;
      sum.values += tensor.view.n_values();
      sum.bytes += tensor.view.bytes.size();
    }
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
//
// type  the stored one
OrderedJson describe_integers(const engine::ModelFiles& files,
                              engine::WeightType type,
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
  const bool has_config =
      std::filesystem::exists(files.folder() / "config.json");
  const auto declared =
      has_config ? weights::Quantization::load(files.folder()) : std::nullopt;
  const std::size_t usual_bits = type == engine::WeightType::kInt8 ? 8 : 4;
  for (const auto& [name, scales] : checkpoint.tensors()) {
    if (!name.ends_with(kScales)) continue;
    const std::string module = name.substr(0, name.size() - kScales.size());
    const std::size_t words = bytes_of(module + ".weight");
    const std::size_t n_scales = scales.view.n_values();
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

OrderedJson describe_files(const Parts& parts) {
  OrderedJson files = OrderedJson::array();
  for (const std::filesystem::path& path : paths_of(parts)) {
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
    if (value.empty()) {
      out += str_cat(indent, name, ": none\n");
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

// The weights as a model, or at least as files.
void open_weights(Parts& parts) {
  const engine::ModelFiles& files = parts.files;
  const bool opened = parts.attempt([&] {
    parts.store = weights::WeightStore::open(
        {.model = files.model, .layout = files.layout, .mimi = files.mimi});
  });
  if (opened) return;
  try {
    parts.checkpoint = weights::Checkpoint::open(files.model, files.layout);
  } catch (const Error&) {
    // The same problem once more.
  }
}

// Everything about the model, the problems among it.
OrderedJson describe(Parts& parts) {
  open_weights(parts);
  const engine::ModelFiles& files = parts.files;
  OrderedJson info = {{"model", files.model.string()}};
  const auto all = parts.checkpoints();
  if (!all.empty()) info["layout"] = weights::to_string(all.front()->layout());
  if (parts.store) {
    info["codec_layout"] =
        parts.store->codec_checkpoint()
            ? weights::to_string(parts.store->codec_checkpoint()->layout())
            : info["layout"];
    parts.attempt([&] { engine::require_codec(*parts.store); });
    std::optional<engine::ModelConfigs> configs;
    parts.attempt([&] {
      configs = engine::read_configs(*parts.store, files);
      info["config"] = describe_config(*configs, files.folder());
    });
    if (configs) {
      parts.attempt([&] {
        const auto tokenizer =
            engine::load_tokenizer(*parts.store, files, configs->model);
        info["tokenizer"] = {{"tokens", tokenizer.vocab_size()}};
      });
    }
  }
  if (!all.empty()) {
    parts.attempt([&] {
      const auto type = engine::stored_weight_type(files);
      info["dtype"] = engine::to_string(type);
      auto integers = describe_integers(files, type, *all.front());
      if (!integers.is_null()) info["quantization"] = std::move(integers);
    });
    info["tensors"] = describe_tensors(parts);
    parts.attempt([&] { info["files"] = describe_files(parts); });
  }
  // Whatever else keeps it from being loaded.
  if (parts.problems.empty()) {
    parts.attempt([&] { (void)engine::open_files(files); });
  }
  OrderedJson problems = OrderedJson::array();
  for (const Error& problem : parts.problems) {
    problems.push_back(
        {{"kind", to_string(problem.code())}, {"message", problem.what()}});
  }
  info["problems"] = std::move(problems);
  return info;
}

void run_info(const InfoArguments& arguments) {
  Parts parts;
  parts.files = arguments.files.files();
  const OrderedJson info = describe(parts);
  if (arguments.json) {
    write_stdout(info.dump() + "\n");
  } else {
    std::string text;
    print_tree(info, "", text);
    write_stdout(text);
  }
  if (!parts.problems.empty()) throw parts.problems.front();
}

}  // namespace

void add_info(CLI::App& app) {
  const auto arguments = std::make_shared<InfoArguments>();
  CLI::App* command = app.add_subcommand("info", "What a model consists of");
  arguments->files.add_to(*command);
  command->add_option("model", arguments->files.model, "The same as --model");
  command->add_flag("--json", arguments->json, "One JSON object");
  command->callback([arguments] { run_info(*arguments); });
}

}  // namespace csm::cli
