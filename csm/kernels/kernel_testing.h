#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <span>
#include <vector>

#include "csm/base/cpu_info.h"
#include "csm/kernels/simd_target.h"

// Helpers of the tests in this folder.
namespace csm::kernels::testing {

/// Normally distributed numbers, the same for a seed on every machine.
inline std::vector<float> random_floats(std::size_t n, std::uint32_t seed,
                                        float scale = 1.0F) {
  std::mt19937 engine(seed);
  std::vector<float> values(n);
  for (float& v : values) {
    double sum = 0;  // of 12 uniform numbers: nearly normal, exactly portable
    for (int i = 0; i < 12; ++i) sum += static_cast<double>(engine()) * 0x1p-32;
    v = static_cast<float>(sum - 6.0) * scale;
  }
  return values;
}

/// Zeros, denormal, huge, infinite and NaN values.
inline std::vector<float> special_floats() {
  using Limits = std::numeric_limits<float>;
  std::vector<float> values = {0.0F,
                               1e-45F,
                               1e-40F,
                               Limits::min(),
                               1e-20F,
                               1.0F,
                               88.7F,
                               88.8F,
                               103.9F,
                               104.0F,
                               1e20F,
                               Limits::max(),
                               Limits::infinity(),
                               Limits::quiet_NaN()};
  const std::size_t n = values.size();
  for (std::size_t i = 0; i < n; ++i) values.push_back(-values[i]);
  return values;
}

/// Rounds towards zero: any bfloat16 will do in tests.
inline std::vector<Bf16> to_bf16(std::span<const float> values) {
  std::vector<Bf16> result(values.size());
  for (std::size_t i = 0; i < values.size(); ++i) {
    const auto bits = std::bit_cast<std::uint32_t>(values[i]);
    result[i].bits = static_cast<std::uint16_t>(bits >> 16);
  }
  return result;
}

inline float to_float(Bf16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

/// An output buffer at an odd address with guard values on both sides.
class Guarded {
 public:
  explicit Guarded(std::size_t n) : n_(n), all_(n + 2 * kGuard, kPattern) {}

  float* data() { return all_.data() + kGuard; }
  [[nodiscard]] std::span<const float> values() const {
    return {all_.data() + kGuard, n_};
  }
  [[nodiscard]] bool intact() const {
    const auto is_pattern = [](float v) { return v == kPattern; };
    return std::all_of(all_.begin(), all_.begin() + kGuard, is_pattern) &&
           std::all_of(all_.end() - kGuard, all_.end(), is_pattern);
  }

 private:
  static constexpr int kGuard = 19;
  static constexpr float kPattern = -12345.678F;
  std::size_t n_;
  std::vector<float> all_;
};

/// Equal bit patterns; any NaN equals any other.
inline ::testing::AssertionResult bits_equal(std::span<const float> got,
                                             std::span<const float> want) {
  if (got.size() != want.size()) {
    return ::testing::AssertionFailure()
           << got.size() << " values, expected " << want.size();
  }
  for (std::size_t i = 0; i < got.size(); ++i) {
    if (std::isnan(got[i]) && std::isnan(want[i])) continue;
    if (std::bit_cast<std::uint32_t>(got[i]) ==
        std::bit_cast<std::uint32_t>(want[i])) {
      continue;
    }
    return ::testing::AssertionFailure()
           << "index " << i << ": " << std::hexfloat << got[i] << ", expected "
           << want[i];
  }
  return ::testing::AssertionSuccess();
}

/// |got - want| in units of float32's last place at `want`.
inline double ulp_error(float got, double want) {
  int exponent = 0;
  std::frexp(want, &exponent);
  const double ulp = std::ldexp(1.0, std::max(exponent, -125) - 24);
  return std::abs(static_cast<double>(got) - want) / ulp;
}

/// Instruction sets besides the scalar one that this machine runs.
inline std::vector<Isa> vector_isas() {
  std::vector<Isa> isas = available_isas();
  isas.erase(isas.begin());
  return isas;
}

}  // namespace csm::kernels::testing
