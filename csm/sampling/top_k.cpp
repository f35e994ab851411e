#include "csm/sampling/top_k.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>

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

int count_at_least(std::span<const float> values, float bound) {
  int n = 0;
  for (const float value : values) n += value >= bound ? 1 : 0;
  return n;
}

float smallest_at_least(std::span<const float> values, float bound) {
  float smallest = *std::max_element(values.begin(), values.end());
  for (const float value : values) {
    if (value >= bound && value < smallest) smallest = value;
  }
  return smallest;
}

}  // namespace

float kth_largest(std::span<const float> values, int k) {
  float smallest = values[0];
  float largest = values[0];
  for (const float value : values) {
    smallest = value < smallest ? value : smallest;
    largest = value > largest ? value : largest;
  }
  // The answer's key lies in [low, high]: at least k values reach low, and
  // fewer than k exceed high.
  std::int64_t low = key_of(smallest);
  std::int64_t high = key_of(largest);
  for (int pass = 0; low < high; ++pass) {
    const std::int64_t middle = middle_key(low, high, pass);
    const int n = count_at_least(values, value_of(middle));
    if (n == k) return smallest_at_least(values, value_of(middle));
    if (n > k) {
      low = middle;
    } else {
      high = middle - 1;
    }
  }
  return value_of(low);
}

}  // namespace csm::sampling
