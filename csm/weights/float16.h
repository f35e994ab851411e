#pragma once

#include <bit>
#include <cstdint>

namespace csm::weights {

/// The float32 bits of a half-precision number; infinity for a NaN too.
///
/// Exact, subnormal numbers included (csm/weights/convert_test.cpp).
[[nodiscard]] inline std::uint32_t widen_f16(std::uint16_t bits) {
  constexpr std::uint32_t kInfinity = 0x7F800000U;
  const std::uint32_t sign = (bits & 0x8000U) << 16U;
  const std::uint32_t magnitude = bits & 0x7FFFU;
  // Exponent bias 15 to 127.
  const std::uint32_t normal = (magnitude << 13U) + (112U << 23U);
  // Below 2^-14: the significand counts units of 2^-24.
  const auto small = std::bit_cast<std::uint32_t>(
      static_cast<float>(static_cast<std::int32_t>(magnitude)) * 0x1p-24F);
  const std::uint32_t finite = magnitude < 0x0400U ? small : normal;
  return sign | (magnitude >= 0x7C00U ? kInfinity : finite);
}

}  // namespace csm::weights
