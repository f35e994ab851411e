#include "csm/engine/random_model.h"

#include <algorithm>
#include <array>
#include <span>
#include <system_error>
#include <utility>

#include "csm/base/atomic_file.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/weights/random_values.h"
#include "csm/weights/safetensors_writer.h"
#include "csm/weights/tensor_names.h"

namespace csm::engine {
namespace {

// A shape, as what differs from csm-1b (a JSON merge patch, RFC 7396).
struct NamedShape {
  const char* name;
  const char* changes;
};

// Sizes of sesame/csm-1b; what is left out has its values by default.
constexpr const char* kCsm1b = R"({
  "architectures": ["CsmForConditionalGeneration"], "model_type": "csm",
  "num_codebooks": 32, "vocab_size": 2051, "text_vocab_size": 128256,
  "hidden_size": 2048, "intermediate_size": 8192, "num_hidden_layers": 16,
  "num_attention_heads": 32, "num_key_value_heads": 8, "head_dim": 64,
  "max_position_embeddings": 2048, "rms_norm_eps": 1e-05,
  "rope_theta": 500000, "rope_scaling": {"rope_type": "llama3",
    "factor": 32.0, "high_freq_factor": 0.5, "low_freq_factor": 0.125,
    "original_max_position_embeddings": 1024},
  "tie_codebooks_embeddings": true,
  "bos_token_id": 128000, "pad_token_id": 128002, "eos_token_id": null,
  "audio_token_id": 128002, "audio_eos_token_id": 128003,
  "codebook_eos_token_id": 0, "codebook_pad_token_id": 2050,
  "depth_decoder_config": {"model_type": "csm_depth_decoder_model",
    "num_codebooks": 32, "vocab_size": 2051, "backbone_hidden_size": 2048,
    "hidden_size": 1024, "intermediate_size": 8192, "num_hidden_layers": 4,
    "num_attention_heads": 8, "num_key_value_heads": 2, "head_dim": 128,
    "max_position_embeddings": 33, "rms_norm_eps": 1e-05,
    "rope_theta": 500000, "rope_scaling": {"rope_type": "llama3",
      "factor": 32.0, "high_freq_factor": 0.0078125,
      "low_freq_factor": 0.001953125,
      "original_max_position_embeddings": 16}},
  "codec_config": {"model_type": "mimi", "num_quantizers": 32,
    "codebook_size": 2048, "codebook_dim": 256, "hidden_size": 512,
    "vector_quantization_hidden_dimension": 256, "upsample_groups": 512,
    "num_filters": 64, "upsampling_ratios": [8, 6, 5, 4],
    "intermediate_size": 2048, "num_hidden_layers": 8,
    "num_attention_heads": 8, "num_key_value_heads": 8, "head_dim": 64,
    "sliding_window": 250, "use_conv_shortcut": false}
})";

constexpr const char* kDemo = R"({
  "num_codebooks": 8, "vocab_size": 515, "text_vocab_size": 305,
  "hidden_size": 256, "intermediate_size": 448, "num_hidden_layers": 4,
  "num_attention_heads": 4, "num_key_value_heads": 2, "bos_token_id": 301,
  "pad_token_id": 303, "audio_token_id": 303, "audio_eos_token_id": 304,
  "codebook_pad_token_id": 514,
  "depth_decoder_config": {
    "num_codebooks": 8, "vocab_size": 515, "backbone_hidden_size": 256,
    "hidden_size": 128, "intermediate_size": 256, "num_hidden_layers": 2,
    "num_attention_heads": 4, "head_dim": 32, "max_position_embeddings": 9,
    "rope_scaling": {"original_max_position_embeddings": 4}},
  "codec_config": {
    "num_quantizers": 8, "codebook_size": 512, "codebook_dim": 64,
    "hidden_size": 128, "vector_quantization_hidden_dimension": 64,
    "upsample_groups": 128, "num_filters": 12, "intermediate_size": 192,
    "num_hidden_layers": 2, "num_attention_heads": 4,
    "num_key_value_heads": 4, "head_dim": 32}
})";

constexpr const char* kTiny = R"({
  "num_codebooks": 4, "vocab_size": 67, "text_vocab_size": 50,
  "hidden_size": 64, "intermediate_size": 128, "num_hidden_layers": 2,
  "num_attention_heads": 4, "num_key_value_heads": 2, "head_dim": 16,
  "max_position_embeddings": 256, "bos_token_id": 46, "pad_token_id": 48,
  "audio_token_id": 48, "audio_eos_token_id": 49,
  "codebook_pad_token_id": 66,
  "depth_decoder_config": {
    "num_codebooks": 4, "vocab_size": 67, "backbone_hidden_size": 64,
    "hidden_size": 64, "intermediate_size": 64, "num_hidden_layers": 2,
    "num_attention_heads": 2, "num_key_value_heads": 1, "head_dim": 32,
    "max_position_embeddings": 5,
    "rope_scaling": {"original_max_position_embeddings": 4}},
  "codec_config": {
    "num_quantizers": 4, "codebook_size": 64, "codebook_dim": 16,
    "hidden_size": 64, "vector_quantization_hidden_dimension": 16,
    "upsample_groups": 64, "num_filters": 4, "intermediate_size": 64,
    "num_hidden_layers": 1, "num_attention_heads": 2,
    "num_key_value_heads": 2, "head_dim": 32}
})";

constexpr std::array<NamedShape, 3> kShapes = {
    {{"csm-1b", "{}"}, {"demo", kDemo}, {"tiny", kTiny}}};

constexpr std::size_t kItem = 2;  // bytes of a BF16 value
constexpr std::size_t kChunk = 1UL << 20U;

using Taken = std::map<std::string, weights::WeightStore::Taken, std::less<>>;

std::vector<weights::TensorPlan> plan_file(const Taken& tensors) {
  std::vector<weights::TensorPlan> plans;
  for (const auto& [canonical, taken] : tensors) {
    // Of tied tables, transformers keeps the depth decoder's.
    const auto name = weights::source_name(
        weights::Layout::kHuggingFace,
        canonical == "audio_emb" ? "dd.audio_emb" : canonical);
    plans.push_back({name.value(),
                     weights::Dtype::kBf16,
                     {taken.shape.begin(), taken.shape.end()}});
  }
  return plans;
}

}  // namespace

std::vector<std::string> random_model_names() {
  std::vector<std::string> names;
  for (const NamedShape& shape : kShapes) names.emplace_back(shape.name);
  return names;
}

Json random_model_config(std::string_view name) {
  std::string known;
  for (const NamedShape& shape : kShapes) {
    if (name == shape.name) {
      const std::string source = str_cat("random weights ", name);
      Json config = parse_json(kCsm1b, source);
      config.merge_patch(parse_json(shape.changes, source));
      return config;
    }
    known += str_cat(known.empty() ? "" : ", ", shape.name);
  }
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[engine.random_model] expected one of ", known,
                      ", got '", name, "' (random weights)"));
}

void require_memory(std::string_view name, std::uint64_t needed,
                    std::optional<std::uint64_t> available) {
  constexpr std::uint64_t kMega = 1000000;
  if (!available || *available >= needed) return;
  throw Error(ErrorCode::kExhausted,
              str_cat("[engine.random_model] expected ", needed / kMega,
                      " MB of free memory for ", name, ", got ",
                      *available / kMega, " MB (random weights)"));
}

void write_random_model(const std::filesystem::path& folder,
                        std::string_view name, std::uint64_t seed,
                        const Taken& tensors) {
  std::error_code failed;
  std::filesystem::create_directories(folder, failed);
  write_file_atomically(folder / "config.json",
                        random_model_config(name).dump(2) + "\n");

  AtomicFile file(folder / "model.safetensors");
  weights::SafetensorsWriter writer(file.temp_path(), plan_file(tensors),
                                    {{"format", "pt"}});
  std::vector<std::byte> chunk(kChunk * kItem);
  for (const auto& [canonical, taken] : tensors) {
    const weights::RandomValues values(canonical, taken.shape, seed);
    for (std::size_t at = 0; at < values.size(); at += kChunk) {
      const std::size_t n = std::min(kChunk, values.size() - at);
      values.write(at, n, weights::Target::kBf16, chunk.data());
      writer.write(std::span(chunk).first(n * kItem));
    }
  }
  writer.finish();
  file.commit();
}

}  // namespace csm::engine
