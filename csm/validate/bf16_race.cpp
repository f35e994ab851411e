#include <algorithm>
#include <bit>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "csm/validate/reference_sampler.h"

namespace csm::validate {
namespace {

// Exp(1) noise below 2^-40 or above 64 has no weight that matters (1e-12 and
// 1e-28). Positive bfloat16 numbers are ordered as their 16-bit patterns.
constexpr std::uint32_t kLowestNoise = 0x2B80;   // 2^-40
constexpr std::uint32_t kHighestNoise = 0x4280;  // 64

double value_of(std::uint32_t pattern) {
  return static_cast<double>(std::bit_cast<float>(pattern << 16U));
}

std::uint32_t pattern_of(double positive) {
  const auto bits = std::bit_cast<std::uint32_t>(static_cast<float>(positive));
  return (bits + 0x7FFFU + ((bits >> 16U) & 1U)) >> 16U;
}

// The chance that Exp(1) noise rounds to each bfloat16 value, from
// kLowestNoise on; the two ends take what lies beyond them.
std::vector<double> noise_masses() {
  std::vector<double> masses;
  double above_low = 1.0;  // P(noise > lower border)
  for (std::uint32_t p = kLowestNoise; p <= kHighestNoise; ++p) {
    const double border = (value_of(p) + value_of(p + 1)) / 2.0;
    const double above_high = p == kHighestNoise ? 0.0 : std::exp(-border);
    masses.push_back(above_low - above_high);
    above_low = above_high;
  }
  return masses;
}

// One candidate's quotient: mass[r - base] is the chance of pattern r.
void add_quotients(double weight, const std::vector<double>& noise,
                   std::uint32_t base, std::vector<double>& mass) {
  for (std::size_t idx = 0; idx < noise.size(); ++idx) {
    const double q = value_of(kLowestNoise + static_cast<std::uint32_t>(idx));
    const std::uint32_t r = std::max(pattern_of(weight / q), base);
    mass[r - base] += noise[idx];
  }
}

}  // namespace

// P(i wins) = sum over values v of P(r_i = v) * prod_{j < i} P(r_j < v)
//                                             * prod_{j > i} P(r_j <= v)
std::vector<double> bf16_race_chances(std::span<const double> weights) {
  const std::vector<double> noise = noise_masses();
  const double largest = *std::max_element(weights.begin(), weights.end());
  // The largest candidate's quotient is never lower, so nothing lower wins.
  const std::uint32_t base = pattern_of(largest / value_of(kHighestNoise));
  const std::uint32_t top = pattern_of(largest / value_of(kLowestNoise));
  const std::size_t n_values = top - base + 1;
  const std::size_t n = weights.size();

  std::vector<std::vector<double>> masses(n, std::vector<double>(n_values));
  for (std::size_t i = 0; i < n; ++i) {
    add_quotients(weights[i], noise, base, masses[i]);
  }
  std::vector<double> below(n, 0.0);  // P(r_i < v)
  std::vector<double> after(n + 1, 1.0);
  std::vector<double> chances(n, 0.0);
  for (std::size_t v = 0; v < n_values; ++v) {
    for (std::size_t i = n; i > 0; --i) {
      after[i - 1] = after[i] * (below[i - 1] + masses[i - 1][v]);
    }
    double before = 1.0;
    for (std::size_t i = 0; i < n; ++i) {
      chances[i] += masses[i][v] * before * after[i + 1];
      before *= below[i];
      below[i] += masses[i][v];
    }
  }
  double sum = 0.0;
  for (const double chance : chances) sum += chance;
  for (double& chance : chances) chance /= sum;
  return chances;
}

}  // namespace csm::validate
