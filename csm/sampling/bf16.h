#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

namespace csm::sampling {

/// Rounds to bfloat16, to nearest even, and returns it as float32. NaN stays
/// NaN; values above the largest bfloat16 become infinite.
[[nodiscard]] inline float round_to_bf16(float value) {
  if (std::isnan(value)) return value;
  const auto bits = std::bit_cast<std::uint32_t>(value);
  const std::uint32_t rounded = bits + 0x7FFFU + ((bits >> 16U) & 1U);
  return std::bit_cast<float>(rounded & 0xFFFF0000U);
}

}  // namespace csm::sampling
