#include "csm/sampling/top_k.h"

#include <bit>
#include <cmath>
#include <cstdint>

#include "csm/kernels/row_scan.h"

namespace csm::sampling {
namespace {

// Bit patterns as integers in the order of the floats; its own inverse.
std::int32_t flip_negative(std::int32_t bits) {
  return bits < 0 ? bits ^ 0x7FFFFFFF : bits;
}

std::int64_t key_of(float value) {
  return flip_negative(std::bit_cast<std::int32_t>(value));
}

float value_of(std::int64_t key) {
  return std::bit_cast<float>(flip_negative(static_cast<std::int32_t>(key)));
}

// A key in (low, high]: halfway in value at first, where logits lie evenly,
// then halfway in keys, which ends within 32 more passes whatever the values.
std::int64_t middle_key(std::int64_t low, std::int64_t high, int pass) {
  constexpr int kPassesByValue = 12;
  if (pass < kPassesByValue) {
    const float halfway = value_of(low) * 0.5F + value_of(high) * 0.5F;
    const std::int64_t key = std::isnan(halfway) ? low : key_of(halfway);
    if (key > low && key <= high) return key;
  }
  return low + (high - low + 1) / 2;
}

}  // namespace

float kth_largest(std::span<const float> values, int k) {
  const auto size = static_cast<std::int64_t>(values.size());
  const kernels::RowRange range = kernels::range_of_row(values.data(), size);
  // The answer's key lies in [low, high]: at least k values reach low, and
  // fewer than k exceed high.
  std::int64_t low = key_of(range.smallest);
  std::int64_t high = key_of(range.largest);
  for (int pass = 0; low < high; ++pass) {
    const std::int64_t middle = middle_key(low, high, pass);
    const float bound = value_of(middle);
    const std::int64_t n = kernels::count_at_least(values.data(), size, bound);
    if (n == k) return kernels::smallest_at_least(values.data(), size, bound);
    if (n > k) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return value_of(low);
}

}  // namespace csm::sampling
