#include "csm/weights/gguf_config.h"

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/weights/gguf_keys.h"
#include "csm/weights/tensor_names.h"

namespace csm::weights {
namespace {

constexpr const char* kArchitecture = "general.architecture";
constexpr int kBackboneHead = 64;  // values of a head of csm-1b
constexpr int kDepthHead = 128;
constexpr std::int64_t kMost = 1 << 20;  // codebooks that make sense

template <std::size_t N>
void copy_integers(const GgufMetadata& from, std::string_view prefix,
                   const GgufKey (&keys)[N], Json& to) {
  for (const GgufKey& row : keys) {
    if (const auto value = from.integer(str_cat(prefix, row.key))) {
      to[row.field] = *value;
    }
  }
}

template <std::size_t N>
void copy_numbers(const GgufMetadata& from, std::string_view prefix,
                  const GgufKey (&keys)[N], Json& to) {
  for (const GgufKey& row : keys) {
    if (const auto value = from.number(str_cat(prefix, row.key))) {
      to[row.field] = *value;
    }
  }
}

// Shapes by canonical name.
class Shapes {
 public:
  explicit Shapes(const TensorFile& file) {
    std::map<std::string_view, const TensorView*> by_name;
    for (const TensorView& tensor : file.tensors()) {
      by_name.emplace(tensor.name, &tensor);
    }
    const Layout layout = detect_layout(
        [&](std::string_view name) { return by_name.contains(name); });
    for (const auto& [name, tensor] : by_name) {
      for (const TensorRole& role : roles_of(layout, name)) {
        std::vector<std::int64_t> shape = tensor->shape;
        if (!shape.empty()) shape[0] /= role.n_parts;
        shapes_.emplace(role.canonical, std::move(shape));
      }
    }
  }

  [[nodiscard]] bool has(std::string_view canonical) const {
    return shapes_.contains(canonical);
  }

  /// An extent; nothing without the tensor or if it is zero.
  [[nodiscard]] std::optional<std::int64_t> extent(std::string_view canonical,
                                                   std::size_t axis) const {
    const auto it = shapes_.find(canonical);
    if (it == shapes_.end() || it->second.size() <= axis ||
        it->second[axis] == 0) {
      return std::nullopt;
    }
    return it->second[axis];
  }

  /// Sets a field to an extent, if there is one.
  void copy(std::string_view canonical, std::size_t axis, const char* field,
            Json& to) const {
    if (const auto value = extent(canonical, axis)) to[field] = *value;
  }

  /// How many of prefix0suffix, prefix1suffix, ... there are.
  [[nodiscard]] int count(std::string_view prefix,
                          std::string_view suffix) const {
    int n = 0;
    while (has(str_cat(prefix, n, suffix))) ++n;
    return n;
  }

 private:
  std::map<std::string, std::vector<std::int64_t>, std::less<>> shapes_;
};

// Of csm-1b, as far as no key says otherwise.
Json rope_scaling(const GgufMetadata& metadata, const std::string& part,
                  Json scaling) {
  const std::string prefix = part + "rope_scaling.";
  copy_numbers(metadata, prefix, kGgufScalingNumbers, scaling);
  copy_integers(metadata, prefix, kGgufScalingKeys, scaling);
  return scaling["factor"] == 1 ? Json() : scaling;
}

// What the tensors of a transformer tell.
void copy_llama_shapes(const Shapes& shapes, const std::string& stack,
                       int default_head, Json& to) {
  shapes.copy(stack + "norm", 0, "hidden_size", to);
  shapes.copy(stack + "0.gate", 0, "intermediate_size", to);
  if (const int n = shapes.count(stack, ".attn_norm"); n > 0) {
    to["num_hidden_layers"] = n;
  }
  const std::int64_t head = to.value("head_dim", std::int64_t{default_head});
  if (head < 1) return;
  to["head_dim"] = head;
  if (const auto rows = shapes.extent(stack + "0.q", 0)) {
    to["num_attention_heads"] = *rows / head;
  }
  if (const auto rows = shapes.extent(stack + "0.k", 0)) {
    to["num_key_value_heads"] = *rows / head;
  }
}

// Keys win over shapes, of which only the size of a head must be known before.
void copy_llama(const GgufMetadata& metadata, const Shapes& shapes,
                const std::string& part, const std::string& stack,
                int default_head, Json& to) {
  copy_integers(metadata, part, kCsmRsLlamaKeys, to);
  copy_integers(metadata, part, kGgufLlamaKeys, to);
  copy_llama_shapes(shapes, stack, default_head, to);
  copy_integers(metadata, part, kCsmRsLlamaKeys, to);
  copy_integers(metadata, part, kGgufLlamaKeys, to);
  copy_numbers(metadata, part, kGgufLlamaNumbers, to);
}

Json depth_config(const GgufMetadata& metadata, const Shapes& shapes,
                  const Json& model) {
  Json out = {{"model_type", "csm_depth_decoder_model"}};
  for (const char* field :
       {"num_codebooks", "vocab_size", "rope_theta", "rms_norm_eps"}) {
    if (model.contains(field)) out[field] = model[field];
  }
  if (model.contains("hidden_size")) {
    out["backbone_hidden_size"] = model["hidden_size"];
  }
  const std::int64_t books = model.value("num_codebooks", std::int64_t{0});
  if (books > 0 && books < kMost) out["max_position_embeddings"] = books + 1;
  copy_integers(metadata, "csm.decoder.", kCsmRsLlamaKeys, out);
  copy_llama(metadata, shapes, "csm.depth.", "dd.", kDepthHead, out);
  out["rope_scaling"] =
      rope_scaling(metadata, "csm.depth.",
                   {{"rope_type", "llama3"},
                    {"factor", 32.0},
                    {"low_freq_factor", 0.001953125},
                    {"high_freq_factor", 0.0078125},
                    {"original_max_position_embeddings", 16}});
  return out;
}

int count_books(const Shapes& shapes, const char* kind) {
  const std::string prefix =
      str_cat("codec.quantizer.", kind, "_residual_vector_quantizer.layers.");
  const int n = shapes.count(prefix, ".codebook.embed");
  return n > 0 ? n : shapes.count(prefix, ".codebook.embed_sum");
}

void copy_books(const Shapes& shapes, Json& to) {
  const int semantic = count_books(shapes, "semantic");
  if (semantic == 0) return;
  to["num_semantic_quantizers"] = semantic;
  to["num_quantizers"] = semantic + count_books(shapes, "acoustic");
  for (const char* kind : {"embed", "embed_sum"}) {
    const std::string book = str_cat(
        "codec.quantizer.semantic_residual_vector_quantizer.layers.0.codebook.",
        kind);
    shapes.copy(book, 0, "codebook_size", to);
    shapes.copy(book, 1, "codebook_dim", to);
  }
}

// Behind its first convolution the encoder has, for each ratio from the last to
// the first, a residual block, an activation and a convolution whose kernel is
// twice the ratio.
void copy_ratios(const Shapes& shapes, Json& to) {
  Json ratios = Json::array();
  for (int layer = 3;; layer += 3) {
    const auto kernel = shapes.extent(
        str_cat("codec.encoder.layers.", layer, ".conv.weight"), 2);
    if (!kernel) break;
    ratios.insert(ratios.begin(), *kernel / 2);
  }
  if (!ratios.empty()) to["upsampling_ratios"] = ratios;
}

Json codec_config(const GgufMetadata& metadata, const Shapes& shapes) {
  Json out = {{"model_type", "mimi"}};
  const std::string stack = "codec.encoder_transformer.layers.";
  shapes.copy(stack + "0.input_layernorm.weight", 0, "hidden_size", out);
  shapes.copy(stack + "0.mlp.fc1.weight", 0, "intermediate_size", out);
  if (const int n = shapes.count(stack, ".input_layernorm.weight"); n > 0) {
    out["num_hidden_layers"] = n;
  }
  shapes.copy("codec.encoder.layers.0.conv.weight", 0, "num_filters", out);
  const std::string upsample = "codec.upsample.conv.weight";
  const auto width = shapes.extent(upsample, 0);
  const auto per_group = shapes.extent(upsample, 1);
  if (width && per_group) out["upsample_groups"] = *width / *per_group;
  copy_ratios(shapes, out);
  copy_books(shapes, out);
  copy_integers(metadata, "csm.mimi.", kGgufMimiKeys, out);
  copy_numbers(metadata, "csm.mimi.", kGgufMimiNumbers, out);
  if (out.contains("codebook_dim")) {
    out["vector_quantization_hidden_dimension"] = out["codebook_dim"];
  }
  return out;
}

}  // namespace

Json gguf_config(const GgufFile& file) {
  const GgufMetadata& metadata = file.metadata();
  const auto name = metadata.string(kArchitecture);
  if (name != "csm-tts" && name != "csm") {
    throw Error(
        ErrorCode::kUnsupported,
        str_cat("[weights.gguf_config] expected architecture csm-tts or csm, "
                "got ",
                name ? printable(*name, 40) : "none", " (",
                file.path().string(), ": key '", kArchitecture, "')"));
  }
  const Shapes shapes(file);
  Json out = {{"model_type", "csm"}};
  shapes.copy("text_emb", 0, "text_vocab_size", out);
  shapes.copy("c0_head", 0, "vocab_size", out);
  copy_integers(metadata, "csm.", kGgufModelKeys, out);
  copy_integers(metadata, "csm.", kCsmRsKeys, out);
  copy_llama(metadata, shapes, "csm.backbone.", "bb.", kBackboneHead, out);
  out["rope_scaling"] =
      rope_scaling(metadata, "csm.backbone.",
                   {{"rope_type", "llama3"},
                    {"factor", 32.0},
                    {"low_freq_factor", 0.125},
                    {"high_freq_factor", 0.5},
                    {"original_max_position_embeddings", 1024}});
  out["depth_decoder_config"] = depth_config(metadata, shapes, out);
  out["codec_config"] = codec_config(metadata, shapes);
  return out;
}

}  // namespace csm::weights
