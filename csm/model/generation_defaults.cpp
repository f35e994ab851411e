#include "csm/model/generation_defaults.h"

#include <cstdint>
#include <string>

#include "csm/base/json.h"
#include "csm/base/str_cat.h"

namespace csm::model {
namespace {

constexpr double kMaxTemperature = 1000;
constexpr int kMaxTopK = 1 << 24;
constexpr int kMaxFrames = 1 << 24;

void check_depth_count(const JsonObject& json, const std::string& key,
                       int n_codebooks) {
  if (json.has(key) && json.integer(key, 0, INT32_MAX) != n_codebooks - 1) {
    json.fail(key, str_cat(n_codebooks - 1, ", one less than num_codebooks"));
  }
}

void parse_sampling(const JsonObject& json, const std::string& prefix,
                    bool& do_sample, float& temperature, int& top_k) {
  do_sample = json.boolean_or(prefix + "do_sample", do_sample);
  temperature = static_cast<float>(json.number_or(
      prefix + "temperature", 1e-6, kMaxTemperature, temperature));
  top_k =
      static_cast<int>(json.integer_or(prefix + "top_k", 0, kMaxTopK, top_k));
}

}  // namespace

GenerationDefaults GenerationDefaults::load(
    const std::filesystem::path& model_dir, int n_codebooks) {
  GenerationDefaults out;
  const std::filesystem::path path = model_dir / "generation_config.json";
  if (!std::filesystem::exists(path)) {
    return out;
  }
  const Json parsed = parse_json_file(path);
  const JsonObject json(parsed, path.string());
  parse_sampling(json, "", out.do_sample, out.temperature, out.top_k);
  parse_sampling(json, "depth_decoder_", out.depth_do_sample,
                 out.depth_temperature, out.depth_top_k);
  out.max_frames = static_cast<int>(
      json.integer_or("max_new_tokens", 1, kMaxFrames, out.max_frames));
  check_depth_count(json, "depth_decoder_min_new_tokens", n_codebooks);
  check_depth_count(json, "depth_decoder_max_new_tokens", n_codebooks);
  return out;
}

}  // namespace csm::model
