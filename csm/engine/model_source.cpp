#include "csm/engine/model_source.h"

#include <cstdint>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/memory_info.h"
#include "csm/base/str_cat.h"
#include "csm/engine/model_cost.h"
#include "csm/engine/random_model.h"
#include "csm/model/generation_defaults.h"
#include "csm/weights/checkpoint.h"
#include "csm/weights/quantization.h"
#include "csm/weights/tensor_names.h"

namespace csm::engine {
namespace {

weights::WeightStore open_weights(const std::filesystem::path& folder) {
  auto store = weights::WeightStore::open_hf(folder);
  if (auto quantization = weights::Quantization::load(folder)) {
    if (!store.has_affine()) {
      throw Error(ErrorCode::kCorrupt,
                  str_cat("[engine] expected integer weights as config.json "
                          "says, got floats (",
                          store.path().string(), ")"));
    }
    store.declare(std::move(*quantization));
  }
  return store;
}

WeightType type_of_bits(std::int64_t bits) {
  return bits == 4 ? WeightType::kInt4 : WeightType::kInt8;
}

// The gate of the first layer, if it is stored as integers without a word about
// them in the configuration: its shape tells.
const weights::SourceTensor* integer_gate(
    const weights::Checkpoint& checkpoint) {
  const weights::SourceTensor* gate = checkpoint.find(
      weights::source_name(weights::Layout::kHuggingFace, "bb.0.gate")
          .value_or(""));
  const bool is_integers = gate != nullptr &&
                           gate->view.dtype == weights::Dtype::kU32 &&
                           gate->view.shape.size() == 2;
  return is_integers ? gate : nullptr;
}

WeightType type_of_gate(const weights::SourceTensor& gate,
                        const model::ModelConfig& config) {
  return type_of_bits(32 * gate.view.shape[1] / config.backbone.width);
}

// Integers are used as they are, or as the floats that they stand for.
void check_weight_type(const std::filesystem::path& folder,
                       const ModelSource& source, WeightType wanted) {
  const WeightType stored = stored_weight_type(source);
  if (stored == WeightType::kF32 || wanted == stored ||
      wanted == WeightType::kF32) {
    return;
  }
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[engine] expected dtype ", to_string(stored),
                      ", as the weights are stored, or f32, got ",
                      to_string(wanted), " (", folder.string(), ")"));
}

// Memory is checked first, because running out of it ends other programs.
ModelSource open_random(const EngineOptions& options, ThreadPool* pool) {
  const Json json = random_model_config(options.random_weights);
  const JsonObject object(json, "random weights " + options.random_weights);
  const auto config = model::ModelConfig::parse(object);
  const auto codec_config =
      codec::MimiConfig::parse(object.object("codec_config"));
  codec_config.check_serves(config.n_codebooks, config.audio_vocab);
  require_memory(
      str_cat(options.random_weights, " at ", to_string(options.weight_type)),
      static_cast<std::uint64_t>(
          expected_memory(config, codec_config, options.weight_type) +
          (options.encoder ? encoder_memory(codec_config) : 0)),
      available_memory());
  return {.config = config,
          .codec = codec_config,
          .tokenizer = std::nullopt,
          .store = weights::WeightStore::random(options.weight_seed, pool)};
}

}  // namespace

ModelSource open_folder(const std::filesystem::path& folder) {
  const auto config = model::ModelConfig::load(folder);
  const auto codec_config = codec::MimiConfig::load(folder);
  // Requests choose for themselves, but a broken file is a broken model.
  (void)model::GenerationDefaults::load(folder, config.n_codebooks);
  codec_config.check_serves(config.n_codebooks, config.audio_vocab);
  auto tokenizer = text::Tokenizer::load(folder / "tokenizer.json");
  if (tokenizer.vocab_size() > config.text_vocab) {
    throw Error(
        ErrorCode::kCorrupt,
        str_cat("[engine] expected at most ", config.text_vocab,
                " text tokens as in config.json, got ", tokenizer.vocab_size(),
                " (", (folder / "tokenizer.json").string(), ")"));
  }
  return {.config = config,
          .codec = codec_config,
          .tokenizer = std::move(tokenizer),
          .store = open_weights(folder)};
}

ModelSource open_model(const EngineOptions& options, ThreadPool* pool) {
  if (!options.random_weights.empty()) return open_random(options, pool);
  ModelSource source = open_folder(options.model_dir);
  check_weight_type(options.model_dir, source, options.weight_type);
  return source;
}

WeightType stored_weight_type(const ModelSource& source) {
  if (const auto& declared = source.store.declared()) {
    return type_of_bits(declared->form.bits);
  }
  const auto* gate = integer_gate(source.store.checkpoint());
  return gate == nullptr ? WeightType::kF32
                         : type_of_gate(*gate, source.config);
}

WeightType stored_weight_type(const std::filesystem::path& folder) {
  if (const auto declared = weights::Quantization::load(folder)) {
    return type_of_bits(declared->form.bits);
  }
  const auto checkpoint = weights::Checkpoint::open(folder);
  const auto* gate = integer_gate(checkpoint);
  return gate == nullptr
             ? WeightType::kF32
             : type_of_gate(*gate, model::ModelConfig::load(folder));
}

kernels::WeightType kernel_type(WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return kernels::WeightType::kFloat32;
    case WeightType::kBf16:
      return kernels::WeightType::kBfloat16;
    case WeightType::kInt8:
      return kernels::WeightType::kInt8;
    case WeightType::kInt4:
      return kernels::WeightType::kInt4;
  }
  return kernels::WeightType::kFloat32;
}

}  // namespace csm::engine
