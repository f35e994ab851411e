#include "csm/base/finite.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdint>

namespace csm {
namespace {

// Written so that compilers make vector code of it.
bool all_finite(std::span<const float> values) {
  constexpr std::uint32_t kExponent = 0x7f800000;
  std::uint32_t largest = 0;
  for (const float value : values) {
    largest =
        std::max(largest, std::bit_cast<std::uint32_t>(value) & kExponent);
  }
  return largest != kExponent;
}

}  // namespace

std::optional<std::size_t> find_not_finite(std::span<const float> values) {
  if (all_finite(values)) return std::nullopt;
  const auto bad = std::find_if(values.begin(), values.end(),
                                [](float x) { return !std::isfinite(x); });
  return static_cast<std::size_t>(bad - values.begin());
}

}  // namespace csm
