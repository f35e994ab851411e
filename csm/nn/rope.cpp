#include "csm/nn/rope.h"

#include <cmath>
#include <numbers>
#include <string>

#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::nn {
namespace {

Llama3Scaling parse_llama3(const JsonObject& scaling) {
  const Llama3Scaling out{
      .factor = scaling.number("factor", 1e-3, 1e6),
      .low_freq_factor = scaling.number("low_freq_factor", 1e-9, 1e9),
      .high_freq_factor = scaling.number("high_freq_factor", 1e-9, 1e9),
      .original_max_positions =
          scaling.number("original_max_position_embeddings", 1, 1e9)};
  if (out.high_freq_factor <= out.low_freq_factor) {
    scaling.fail("high_freq_factor", "a number above low_freq_factor");
  }
  return out;
}

/// torch divides a number by a tensor as reciprocal times number.
float divided_by(double number, float value) {
  return (1.0F / value) * static_cast<float>(number);
}

float scale_llama3(float frequency, const Llama3Scaling& scaling) {
  const auto factor = static_cast<float>(scaling.factor);
  const auto low = static_cast<float>(scaling.low_freq_factor);
  const double original = scaling.original_max_positions;
  const auto slow = static_cast<float>(original / scaling.low_freq_factor);
  const auto fast = static_cast<float>(original / scaling.high_freq_factor);

  const float wavelength = divided_by(2 * std::numbers::pi, frequency);
  if (wavelength > slow) {
    return frequency / factor;
  }
  if (wavelength < fast) {
    return frequency;
  }
  const auto range =
      static_cast<float>(scaling.high_freq_factor - scaling.low_freq_factor);
  const float smooth = (divided_by(original, wavelength) - low) / range;
  return (1.0F - smooth) * frequency / factor + smooth * frequency;
}

}  // namespace

RopeConfig parse_rope(const JsonObject& config, double default_theta) {
  RopeConfig rope;
  rope.theta = config.number_or("rope_theta", 1e-3, 1e12, default_theta);
  const char* field =
      config.has("rope_parameters") ? "rope_parameters" : "rope_scaling";
  if (!config.has(field)) {
    return rope;
  }
  const JsonObject scaling = config.object(field);
  rope.theta = scaling.number_or("rope_theta", 1e-3, 1e12, rope.theta);
  const std::string key = scaling.has("rope_type") ? "rope_type" : "type";
  const std::string type = scaling.string_or(key, "default");
  if (type == "llama3") {
    rope.llama3 = parse_llama3(scaling);
  } else if (type != "default") {
    throw Error(ErrorCode::kUnsupported,
                str_cat("[nn.rope] expected default or llama3, got ", type,
                        " (", scaling.origin(), ": field '", key, "')"));
  }
  return rope;
}

std::vector<float> rope_inverse_frequencies(int head_dim,
                                            const RopeConfig& config) {
  CSM_CHECK(head_dim > 0 && head_dim % 2 == 0, "head_dim must be even");
  const auto theta = static_cast<float>(config.theta);
  std::vector<float> out(static_cast<std::size_t>(head_dim) / 2);
  for (std::size_t j = 0; j < out.size(); ++j) {
    const float exponent =
        static_cast<float>(2 * j) / static_cast<float>(head_dim);
    // In double, then rounded: torch's float32 pow is good to 1 ulp.
    const auto power = static_cast<float>(
        std::pow(static_cast<double>(theta), static_cast<double>(exponent)));
    const float frequency = 1.0F / power;
    out[j] =
        config.llama3 ? scale_llama3(frequency, *config.llama3) : frequency;
  }
  return out;
}

}  // namespace csm::nn
