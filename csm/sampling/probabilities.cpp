#include "csm/sampling/probabilities.h"

#include <algorithm>
#include <array>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "csm/kernels/row_scan.h"
#include "csm/sampling/bf16.h"

namespace csm::sampling {
namespace {

// 1 / n! for n = 12 .. 0: Horner coefficients of e^r, |r| <= ln(2) / 2, where
// the first neglected term is below 2e-16.
constexpr std::array<double, 13> kExpSeries = {1.0 / 479001600,
                                               1.0 / 39916800,
                                               1.0 / 3628800,
                                               1.0 / 362880,
                                               1.0 / 40320,
                                               1.0 / 5040,
                                               1.0 / 720,
                                               1.0 / 120,
                                               1.0 / 24,
                                               1.0 / 6,
                                               1.0 / 2,
                                               1.0,
                                               1.0};

// e^x = 2^n e^r with n the nearest integer to x / ln 2. No branch and no call,
// so that loops over it vectorise.
inline float exponential(float x) {
  constexpr double kLog2E = 1.4426950408889634074;
  constexpr double kLn2 = 0.69314718055994530942;
  constexpr double kRounder = 0x1.8p52;  // its sum's low bits are the integer
  constexpr std::uint64_t kBias = 1023;
  constexpr float kUnderflow = -104.0F;  // e^-104 rounds to 0 in float32
  const auto wide = static_cast<double>(x < kUnderflow ? kUnderflow : x);
  const double shifted = wide * kLog2E + kRounder;
  const double rest = wide - (shifted - kRounder) * kLn2;
  double series = 0.0;
  for (const double coefficient : kExpSeries) {
    series = series * rest + coefficient;
  }
  const auto exponent = std::bit_cast<std::uint64_t>(shifted) + kBias;
  return static_cast<float>(series * std::bit_cast<double>(exponent << 52U));
}

float sum_of(std::span<const float> row) {
  double sum = 0.0;  // one rounding, whatever torch's SIMD order is
  for (const float value : row) sum += static_cast<double>(value);
  return static_cast<float>(sum);
}

// Replaces each value v of `row` by exp(v - max(row)) and returns the sum.
float exponentials_in_place(std::span<float> row) {
  const float largest = *std::max_element(row.begin(), row.end());
  for (float& value : row) value = exponential(value - largest);
  return sum_of(row);
}

// ls = bf16((x - max) - bf16(log bf16(sum exp(x - max))))
void log_softmax_bf16(std::span<float> row) {
  const float largest = *std::max_element(row.begin(), row.end());
  std::vector<float> exponentials(row.begin(), row.end());
  const float sum = round_to_bf16(exponentials_in_place(exponentials));
  const float log_sum =
      round_to_bf16(static_cast<float>(std::log(static_cast<double>(sum))));
  for (float& value : row) value = round_to_bf16((value - largest) - log_sum);
}

}  // namespace

float exp_nonpositive(float x) { return exponential(x); }

void scale_logits(std::span<const float> logits, float temperature,
                  SamplerKind kind, std::span<float> out) {
  const bool is_bf16 = kind == SamplerKind::kTorchBf16;
  const auto round = [&] {
    for (float& value : out) value = round_to_bf16(value);
  };
  std::copy(logits.begin(), logits.end(), out.begin());
  if (is_bf16) round();
  if (temperature == 1.0F) return;
  kernels::divide_row(out.data(), static_cast<std::int64_t>(out.size()),
                      temperature, out.data());
  if (is_bf16) round();
}

void softmax_in_place(SamplerKind kind, std::span<float> row) {
  const bool is_bf16 = kind == SamplerKind::kTorchBf16;
  if (is_bf16) log_softmax_bf16(row);
  const float sum = exponentials_in_place(row);
  const float reciprocal = 1.0F / sum;
  for (float& value : row) value *= reciprocal;
  if (!is_bf16) return;
  for (float& value : row) value = round_to_bf16(value);
}

}  // namespace csm::sampling
