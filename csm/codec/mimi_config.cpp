#include "csm/codec/mimi_config.h"

#include <cmath>
#include <cstdint>
#include <functional>
#include <numeric>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::codec {
namespace {

constexpr int kMaxWidth = 1 << 14;
constexpr int kMaxHidden = 1 << 18;
constexpr int kMaxLayers = 256;
constexpr int kMaxHeads = 1024;
constexpr int kMaxHeadDim = 1024;
constexpr int kMaxWindow = 1 << 16;
constexpr int kMaxCodebooks = 256;
constexpr int kMaxCodebookSize = 1 << 20;
constexpr int kMaxRatios = 8;
constexpr int kMaxRatio = 64;
constexpr int kMaxHop = 1 << 16;
constexpr int kMaxKernel = 255;
constexpr int kMaxDilation = 1 << 10;

[[noreturn]] void unsupported(const JsonObject& json, const std::string& key,
                              const std::string& expected) {
  const auto it = json.value().find(key);
  throw Error(ErrorCode::kUnsupported,
              str_cat("[codec.config] expected ", expected, ", got ",
                      it == json.value().end() ? "nothing" : it->dump(), " (",
                      json.origin(), ": field '", key, "')"));
}

int int_or(const JsonObject& json, const std::string& key, int min, int max,
           int fallback) {
  return static_cast<int>(json.integer_or(key, min, max, fallback));
}

void require_bool(const JsonObject& json, const std::string& key, bool value) {
  if (json.boolean_or(key, value) != value) {
    unsupported(json, key, value ? "true" : "false");
  }
}

void require_string(const JsonObject& json, const std::string& key,
                    const std::string& value) {
  if (json.string_or(key, value) != value) {
    unsupported(json, key, value);
  }
}

/// Variants of Mimi that were never released.
void check_variant(const JsonObject& json) {
  require_string(json, "model_type", "mimi");
  require_string(json, "hidden_act", "gelu");
  require_string(json, "pad_mode", "constant");
  require_bool(json, "use_causal_conv", true);
  require_bool(json, "use_conv_shortcut", false);
  require_bool(json, "attention_bias", false);
  if (json.integer_or("audio_channels", 1, INT32_MAX, 1) != 1) {
    unsupported(json, "audio_channels", "1");
  }
  if (json.number_or("trim_right_ratio", 0, 1, 1) < 1) {
    unsupported(json, "trim_right_ratio", "1.0");
  }
}

int head_dim(const JsonObject& json, int width, int n_heads) {
  if (width % n_heads != 0) {
    json.fail("num_attention_heads",
              str_cat("a divisor of hidden_size ", width));
  }
  const int out = int_or(json, "head_dim", 2, kMaxHeadDim, width / n_heads);
  if (out % 2 != 0 || out > kMaxHeadDim) {
    json.fail("head_dim", str_cat("an even head size up to ", kMaxHeadDim,
                                  " (here ", out, ")"));
  }
  return out;
}

MimiTransformerConfig parse_transformer(const JsonObject& json, int width) {
  MimiTransformerConfig out{};
  out.width = width;
  out.hidden = int_or(json, "intermediate_size", 1, kMaxHidden, 2048);
  out.n_layers = int_or(json, "num_hidden_layers", 1, kMaxLayers, 8);
  out.n_heads = int_or(json, "num_attention_heads", 1, kMaxHeads, 8);
  out.n_kv_heads = int_or(json, "num_key_value_heads", 1, kMaxHeads, 8);
  if (out.n_heads % out.n_kv_heads != 0) {
    json.fail("num_key_value_heads",
              str_cat("a divisor of num_attention_heads ", out.n_heads));
  }
  out.head_dim = head_dim(json, width, out.n_heads);
  if (json.value().contains("sliding_window") && !json.has("sliding_window")) {
    unsupported(json, "sliding_window", "a number of steps");
  }
  out.window = int_or(json, "sliding_window", 1, kMaxWindow, 250);
  out.norm_eps = static_cast<float>(json.number_or("norm_eps", 1e-12, 1, 1e-5));
  out.rope = nn::parse_rope(json, 10000);
  return out;
}

std::vector<int> parse_ratios(const JsonObject& json) {
  const std::string key = "upsampling_ratios";
  const std::string expected =
      str_cat("1 to ", kMaxRatios, " integers in [1, ", kMaxRatio, "]");
  if (!json.has(key)) {
    return {8, 6, 5, 4};
  }
  const Json& field = json.value()[key];
  if (!field.is_array() || field.empty() || field.size() > kMaxRatios) {
    json.fail(key, expected);
  }
  std::vector<int> out;
  for (const Json& ratio : field) {
    if (!ratio.is_number_integer() || ratio < 1 || ratio > kMaxRatio) {
      json.fail(key, expected);
    }
    out.push_back(ratio.get<int>());
  }
  return out;
}

void check_seanet(const JsonObject& json, const SeanetConfig& config) {
  std::int64_t hop = 1;
  for (const int ratio : config.ratios) {
    hop *= ratio;
    if (hop > kMaxHop) {
      json.fail("upsampling_ratios", str_cat("a product up to ", kMaxHop));
    }
  }
  const std::int64_t widest = std::int64_t{config.n_filters}
                              << config.ratios.size();
  if (widest > kMaxWidth) {
    json.fail("num_filters",
              str_cat("at most ", kMaxWidth, " channels in the widest layer"));
  }
  if (config.n_filters < config.compress) {
    json.fail("compress", str_cat("at most num_filters ", config.n_filters));
  }
  if (std::pow(config.dilation_growth, config.n_residual_layers - 1) >
      kMaxDilation) {
    json.fail("dilation_growth_rate",
              str_cat("dilations up to ", kMaxDilation));
  }
}

SeanetConfig parse_seanet(const JsonObject& json, int width) {
  SeanetConfig out{};
  out.latent_width = width;
  out.n_filters = int_or(json, "num_filters", 1, kMaxWidth, 64);
  out.ratios = parse_ratios(json);
  out.kernel = int_or(json, "kernel_size", 1, kMaxKernel, 7);
  out.last_kernel = int_or(json, "last_kernel_size", 1, kMaxKernel, 3);
  out.residual_kernel = int_or(json, "residual_kernel_size", 1, kMaxKernel, 3);
  out.n_residual_layers = int_or(json, "num_residual_layers", 0, 16, 1);
  out.dilation_growth = int_or(json, "dilation_growth_rate", 1, 16, 2);
  out.compress = int_or(json, "compress", 1, kMaxWidth, 2);
  check_seanet(json, out);
  return out;
}

/// The latent signal has exactly kStepsPerFrame steps per frame.
void check_frame_rate(const JsonObject& json, const MimiConfig& config) {
  for (const char* key : {"frame_rate", "_frame_rate"}) {
    if (!json.has(key)) {
      continue;
    }
    const double rate = json.number(key, 1e-3, 1e6);
    const double expected =
        static_cast<double>(config.sample_rate) / config.frame_samples();
    if (std::abs(rate - expected) > 1e-3 * expected) {
      unsupported(json, key,
                  str_cat(expected, ", half the rate of the latent signal"));
    }
  }
}

void parse_quantizer(const JsonObject& json, MimiConfig& out) {
  const int width = out.transformer.width;
  out.n_codebooks = int_or(json, "num_quantizers", 2, kMaxCodebooks, 32);
  out.n_semantic =
      int_or(json, "num_semantic_quantizers", 1, out.n_codebooks - 1, 1);
  out.codebook_size = int_or(json, "codebook_size", 1, kMaxCodebookSize, 2048);
  const bool null_dim =
      json.value().contains("codebook_dim") && !json.has("codebook_dim");
  out.codebook_dim =
      int_or(json, "codebook_dim", 1, kMaxWidth, null_dim ? width : 256);
  const std::string inner = "vector_quantization_hidden_dimension";
  if (json.integer_or(inner, 1, kMaxWidth, 256) != out.codebook_dim) {
    json.fail(inner, str_cat("codebook_dim ", out.codebook_dim));
  }
}

}  // namespace

int SeanetConfig::hop() const {
  return std::accumulate(ratios.begin(), ratios.end(), 1,
                         std::multiplies<int>());
}

MimiConfig MimiConfig::parse(const JsonObject& json) {
  check_variant(json);
  MimiConfig out{};
  const int width = int_or(json, "hidden_size", 1, kMaxWidth, 512);
  out.sample_rate = int_or(json, "sampling_rate", 1, 1 << 20, 24000);
  out.transformer = parse_transformer(json, width);
  out.seanet = parse_seanet(json, width);
  parse_quantizer(json, out);
  out.upsample_groups = int_or(json, "upsample_groups", 1, kMaxWidth, 512);
  if (width % out.upsample_groups != 0) {
    json.fail("upsample_groups", str_cat("a divisor of hidden_size ", width));
  }
  check_frame_rate(json, out);
  return out;
}

MimiConfig MimiConfig::load(const std::filesystem::path& model_dir) {
  const std::filesystem::path path = model_dir / "config.json";
  const Json parsed = parse_json_file(path);
  const JsonObject json(parsed, path.string());
  const std::string key = "codec_config";
  const Json empty = Json::object();
  return parse(json.has(key) ? json.object(key)
                             : JsonObject(empty, path.string() + ": " + key));
}

void MimiConfig::check_serves(int n_lm_codebooks, int vocab) const {
  const auto fail = [](const std::string& what) {
    throw Error(ErrorCode::kCorrupt,
                str_cat("[codec.config] expected ", what,
                        " (config.json: field 'codec_config')"));
  };
  if (n_codebooks < n_lm_codebooks) {
    fail(str_cat("num_quantizers of at least num_codebooks ", n_lm_codebooks,
                 ", got ", n_codebooks));
  }
  if (n_semantic >= n_lm_codebooks) {
    fail(str_cat("num_semantic_quantizers below num_codebooks ", n_lm_codebooks,
                 ", got ", n_semantic));
  }
  if (codebook_size > vocab) {
    fail(str_cat("codebook_size of at most vocab_size ", vocab, ", got ",
                 codebook_size));
  }
}

std::string MimiConfig::to_string() const {
  return str_cat(sample_rate, " Hz, ", frame_samples(), " samples per frame, ",
                 n_codebooks, " codebooks of ", codebook_size, " x ",
                 codebook_dim, ", transformer ", transformer.n_layers,
                 " layers of ", transformer.width, ", window ",
                 transformer.window);
}

}  // namespace csm::codec
