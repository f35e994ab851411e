#include "csm/weights/ggml_quantize.h"

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstring>

#include "csm/base/check.h"
#include "mlx/types/half_types.h"

namespace csm::weights {
namespace {

namespace mx = mlx::core;

constexpr std::size_t kValues = 32;  // of a block of both types
constexpr std::size_t kHalf = kValues / 2;

using Block = std::span<const float, kValues>;

// The first value of the largest magnitude.
float extreme(Block values) {
  return *std::max_element(values.begin(), values.end(), [](float a, float b) {
    return std::abs(a) < std::abs(b);
  });
}

// Of a scale that is nothing in half precision, nothing too.
float inverse(float scale) {
  const float factor = 1 / scale;
  return std::isfinite(factor) ? factor : 0;
}

// False if half precision cannot hold it.
bool store_scale(float scale, std::byte* out) {
  const auto half = static_cast<mx::float16_t>(scale);
  std::memcpy(out, &half, sizeof half);
  return std::isfinite(static_cast<float>(half));
}

bool quantize_q8(Block values, std::byte* out) {
  const float scale = std::abs(extreme(values)) / 127;
  const float factor = inverse(scale);
  std::byte* codes = out + sizeof(mx::float16_t);
  for (std::size_t i = 0; i < kValues; ++i) {
    codes[i] = static_cast<std::byte>(
        static_cast<std::int8_t>(std::round(values[i] * factor)));
  }
  return store_scale(scale, out);
}

std::uint8_t nibble(float value, float factor) {
  return static_cast<std::uint8_t>(
      std::clamp(std::trunc(value * factor + 8.5F), 0.0F, 15.0F));
}

// The first half of the values in the lower nibbles.
bool quantize_q4(Block values, std::byte* out) {
  const float scale = extreme(values) / -8;
  const float factor = inverse(scale);
  std::byte* codes = out + sizeof(mx::float16_t);
  for (std::size_t i = 0; i < kHalf; ++i) {
    const unsigned low = nibble(values[i], factor);
    const unsigned high = nibble(values[kHalf + i], factor);
    codes[i] = static_cast<std::byte>(low | (high << 4U));
  }
  return store_scale(scale, out);
}

}  // namespace

bool is_quantizable_to(Dtype dtype) {
  return dtype == Dtype::kQ4_0 || dtype == Dtype::kQ8_0;
}

std::optional<std::size_t> quantize_blocks(Dtype dtype,
                                           std::span<const float> values,
                                           std::byte* out) {
  CSM_CHECK(is_quantizable_to(dtype), to_string(dtype));
  CSM_CHECK(values.size() % kValues == 0, values.size());
  const auto quantize = dtype == Dtype::kQ8_0 ? quantize_q8 : quantize_q4;
  std::optional<std::size_t> bad;
  for (std::size_t i = 0; i < values.size(); i += kValues) {
    const bool fits = quantize(values.subspan(i).first<kValues>(), out);
    if (!fits && !bad) bad = i;
    out += block_bytes(dtype);
  }
  return bad;
}

}  // namespace csm::weights
