#include "csm/model/model_config.h"

#include <algorithm>
#include <cstdint>
#include <optional>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::model {
namespace {

constexpr int kMaxWidth = 1 << 16;
constexpr int kMaxHidden = 1 << 20;
constexpr int kMaxLayers = 512;
constexpr int kMaxHeads = 1024;
constexpr int kMaxHeadDim = 1024;
constexpr int kMaxPositions = 1 << 20;
constexpr int kMaxCodebooks = 256;
constexpr int kMaxAudioVocab = 1 << 20;
constexpr int kMaxTextVocab = 1 << 24;
constexpr double kRopeTheta = 500000;

/// Values for keys that a config may leave out.
struct LlamaDefaults {
  int width, hidden, n_layers, n_heads, n_kv_heads;
  int max_positions = 2048;
  /// If neither scaling nor its absence is written.
  std::optional<nn::Llama3Scaling> scaling = {};
};

/// The sizes that the original's code has for a name (spec/csm-model.md 2).
struct Flavor {
  const char* name;
  LlamaDefaults sizes;
};
constexpr Flavor kFlavors[] = {{"llama-1B", {2048, 8192, 16, 32, 8}},
                               {"llama-100M", {1024, 8192, 4, 8, 2}},
                               {"llama-300M", {1536, 6912, 8, 24, 6}},
                               {"llama-8B", {4096, 14336, 32, 32, 8}}};
constexpr int kDepthPositions = 33;
constexpr const char* kDepthKey = "depth_decoder_config";

/// In transformers' numbers, which wants originals below the positions.
constexpr nn::Llama3Scaling kBackboneScaling{32, 0.125, 0.5, 1024};
constexpr nn::Llama3Scaling kDepthScaling{32, 0.001953125, 0.0078125, 16};

int int_or(const JsonObject& json, const std::string& key, int min, int max,
           int fallback) {
  return static_cast<int>(json.integer_or(key, min, max, fallback));
}

[[noreturn]] void unsupported(const JsonObject& json, const std::string& key,
                              const std::string& expected,
                              const std::string& got) {
  throw Error(ErrorCode::kUnsupported,
              str_cat("[model.config] expected ", expected, ", got ", got, " (",
                      json.origin(), ": field '", key, "')"));
}

void require_false(const JsonObject& json, const std::string& key) {
  if (json.boolean_or(key, false)) {
    unsupported(json, key, "false", "true");
  }
}

void require_string(const JsonObject& json, const std::string& key,
                    const std::string& expected, const std::string& fallback) {
  const std::string got = json.string_or(key, fallback);
  if (got != expected) {
    unsupported(json, key, expected, got.empty() ? "nothing" : got);
  }
}

/// A key of another naming scheme, if present, must agree.
void require_same(const JsonObject& json, const std::string& key, int value) {
  if (json.has(key) && json.integer(key, 0, INT32_MAX) != value) {
    json.fail(key, str_cat(value, " as elsewhere in the config"));
  }
}

int n_kv_heads(const JsonObject& json, int n_heads, int fallback) {
  const std::string key = "num_key_value_heads";
  const bool is_null = json.value().contains(key) && !json.has(key);
  const int out = is_null ? n_heads : int_or(json, key, 1, kMaxHeads, fallback);
  if (n_heads % out != 0) {
    json.fail(key, str_cat("a divisor of num_attention_heads ", n_heads));
  }
  return out;
}

int head_dim(const JsonObject& json, int width, int n_heads) {
  const std::string key = "head_dim";
  if (!json.has(key) && width % n_heads != 0) {
    json.fail("num_attention_heads",
              str_cat("a divisor of hidden_size ", width, ", or head_dim"));
  }
  const int out = json.has(key)
                      ? static_cast<int>(json.integer(key, 2, kMaxHeadDim))
                      : width / n_heads;
  if (out % 2 != 0 || out > kMaxHeadDim) {
    json.fail(key, str_cat("an even head size up to ", kMaxHeadDim, " (here ",
                           out, ")"));
  }
  return out;
}

nn::LlamaConfig parse_llama(const JsonObject& json,
                            const LlamaDefaults& defaults) {
  require_string(json, "hidden_act", "silu", "silu");
  require_false(json, "attention_bias");
  require_false(json, "mlp_bias");
  nn::LlamaConfig out{};
  out.width = int_or(json, "hidden_size", 1, kMaxWidth, defaults.width);
  out.hidden =
      int_or(json, "intermediate_size", 1, kMaxHidden, defaults.hidden);
  out.n_layers =
      int_or(json, "num_hidden_layers", 1, kMaxLayers, defaults.n_layers);
  out.n_heads =
      int_or(json, "num_attention_heads", 1, kMaxHeads, defaults.n_heads);
  out.n_kv_heads = n_kv_heads(json, out.n_heads, defaults.n_kv_heads);
  out.head_dim = head_dim(json, out.width, out.n_heads);
  out.max_positions = int_or(json, "max_position_embeddings", 1, kMaxPositions,
                             defaults.max_positions);
  out.norm_eps =
      static_cast<float>(json.number_or("rms_norm_eps", 1e-12, 1, 1e-5));
  out.rope = nn::parse_rope(json, kRopeTheta);
  const bool is_written = json.value().contains("rope_scaling") ||
                          json.value().contains("rope_parameters");
  if (!is_written) out.rope.llama3 = defaults.scaling;
  return out;
}

bool is_hugging_face(weights::Layout layout) {
  return layout == weights::Layout::kHuggingFace;
}

/// Sizes of the flavour that a config names, unless it writes them itself.
LlamaDefaults flavor(const JsonObject& json, const char* sizes, const char* key,
                     const char* fallback) {
  const std::string name =
      json.has(sizes) ? fallback : json.string_or(key, fallback);
  std::string known;
  for (const Flavor& row : kFlavors) {
    if (name == row.name) return row.sizes;
    known += str_cat(known.empty() ? "" : ", ", row.name);
  }
  unsupported(json, key, "one of " + known, printable(name, 40));
}

LlamaDefaults backbone_defaults(const JsonObject& json,
                                weights::Layout layout) {
  LlamaDefaults out =
      flavor(json, "hidden_size", "backbone_flavor", "llama-1B");
  if (!is_hugging_face(layout)) out.scaling = kBackboneScaling;
  return out;
}

LlamaDefaults depth_defaults(const JsonObject& json, weights::Layout layout,
                             int n_codebooks) {
  LlamaDefaults out = flavor(json, kDepthKey, "decoder_flavor", "llama-100M");
  out.max_positions = kDepthPositions;
  if (is_hugging_face(layout)) return out;
  out.max_positions = std::max(out.max_positions, n_codebooks + 1);
  out.scaling = kDepthScaling;
  return out;
}

nn::LlamaConfig parse_depth(const JsonObject& json, const ModelConfig& model,
                            const LlamaDefaults& defaults,
                            weights::Layout layout) {
  require_string(json, "model_type", "csm_depth_decoder_model",
                 "csm_depth_decoder_model");
  const auto agree = [&](const char* key, int fallback, int value,
                         const char* with) {
    if (!is_hugging_face(layout)) fallback = value;
    if (json.integer_or(key, 0, INT32_MAX, fallback) != value) {
      json.fail(key, str_cat(value, " (", with, " of the whole model)"));
    }
  };
  agree("num_codebooks", 32, model.n_codebooks, "num_codebooks");
  agree("vocab_size", 2051, model.audio_vocab, "vocab_size");
  agree("backbone_hidden_size", 2048, model.backbone.width, "hidden_size");
  nn::LlamaConfig out = parse_llama(json, defaults);
  if (out.max_positions < model.n_codebooks) {
    json.fail("max_position_embeddings",
              str_cat("at least num_codebooks ", model.n_codebooks));
  }
  return out;
}

void parse_ids(const JsonObject& json, ModelConfig& out) {
  const auto id = [&](const char* key, int max, int fallback) {
    return int_or(json, key, 0, max, fallback);
  };
  out.bos_token = id("bos_token_id", INT32_MAX, 128000);
  out.audio_token = id("audio_token_id", INT32_MAX, 128002);
  out.audio_eos_token = id("audio_eos_token_id", INT32_MAX, 128003);
  out.codebook_eos = id("codebook_eos_token_id", out.audio_vocab - 1, 0);
  out.codebook_pad = id("codebook_pad_token_id", INT32_MAX, 2050);
}

}  // namespace

ModelConfig ModelConfig::parse(const JsonObject& json, weights::Layout layout) {
  require_string(json, "model_type", "csm",
                 is_hugging_face(layout) ? "" : "csm");
  require_false(json, "tie_word_embeddings");
  // Either scheme's key may be the only one.
  const auto count = [&](const char* key, const char* original, int max,
                         int fallback) {
    const int value =
        int_or(json, key, 2, max,
               static_cast<int>(json.integer_or(original, 2, max, fallback)));
    require_same(json, original, value);
    return value;
  };
  ModelConfig out{};
  out.n_codebooks =
      count("num_codebooks", "audio_num_codebooks", kMaxCodebooks, 32);
  out.audio_vocab =
      count("vocab_size", "audio_vocab_size", kMaxAudioVocab, 2051);
  out.text_vocab = int_or(json, "text_vocab_size", 1, kMaxTextVocab, 128256);
  out.tied_audio_tables = json.boolean_or("tie_codebooks_embeddings", true);
  out.backbone = parse_llama(json, backbone_defaults(json, layout));
  parse_ids(json, out);

  const Json empty = Json::object();
  out.depth = parse_depth(
      json.has(kDepthKey) ? json.object(kDepthKey)
                          : JsonObject(empty, json.origin() + ": " + kDepthKey),
      out, depth_defaults(json, layout, out.n_codebooks), layout);
  return out;
}

ModelConfig ModelConfig::load(const std::filesystem::path& model_dir) {
  const std::filesystem::path path = model_dir / "config.json";
  const Json json = parse_json_file(path);
  return parse(JsonObject(json, path.string()));
}

std::string ModelConfig::to_string() const {
  const auto stack = [](const nn::LlamaConfig& c) {
    return str_cat(c.n_layers, " layers of ", c.width, " (", c.n_heads, "/",
                   c.n_kv_heads, " heads of ", c.head_dim, ", hidden ",
                   c.hidden, ")");
  };
  return str_cat(n_codebooks, " codebooks of ", audio_vocab, ", text ",
                 text_vocab, ", backbone ", stack(backbone), ", depth ",
                 stack(depth));
}

}  // namespace csm::model
