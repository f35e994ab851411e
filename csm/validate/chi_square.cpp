#include "csm/validate/chi_square.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <numeric>
#include <vector>

namespace csm::validate {
namespace {

constexpr double kMinExpected = 5.0;
constexpr double kEpsilon = 1e-15;
constexpr int kMaxTerms = 1000000;

// x^a e^-x / Gamma(a)
double front_factor(double a, double x) {
  return std::exp(a * std::log(x) - x - std::lgamma(a));
}

// P(a, x) = x^a e^-x / Gamma(a) * sum x^n / (a (a+1) ... (a+n))
double lower_by_series(double a, double x) {
  double term = 1.0 / a;
  double sum = term;
  for (int n = 1; n < kMaxTerms; ++n) {
    term *= x / (a + n);
    sum += term;
    if (term < sum * kEpsilon) break;
  }
  return sum * front_factor(a, x);
}

// Q(a, x) = x^a e^-x / Gamma(a) * 1 / (x+1-a - 1(1-a) / (x+3-a - ...))
double upper_by_fraction(double a, double x) {
  constexpr double kTiny = 1e-300;
  double b = x + 1.0 - a;
  double c = 1.0 / kTiny;
  double d = 1.0 / b;
  double value = d;
  for (int n = 1; n < kMaxTerms; ++n) {
    const double numerator = -n * (n - a);
    b += 2.0;
    d = numerator * d + b;
    if (std::abs(d) < kTiny) d = kTiny;
    c = b + numerator / c;
    if (std::abs(c) < kTiny) c = kTiny;
    d = 1.0 / d;
    value *= d * c;
    if (std::abs(d * c - 1.0) < kEpsilon) break;
  }
  return value * front_factor(a, x);
}

}  // namespace

double gamma_q(double a, double x) {
  if (x <= 0.0) return 1.0;
  if (std::isinf(x)) return 0.0;
  const double q =
      x < a + 1.0 ? 1.0 - lower_by_series(a, x) : upper_by_fraction(a, x);
  return std::clamp(q, 0.0, 1.0);
}

double GoodnessOfFit::p_value() const {
  if (outside > 0) return 0.0;
  if (dof == 0) return 1.0;
  return gamma_q(static_cast<double>(dof) / 2.0, statistic / 2.0);
}

GoodnessOfFit& GoodnessOfFit::operator+=(const GoodnessOfFit& other) {
  statistic += other.statistic;
  dof += other.dof;
  outside += other.outside;
  return *this;
}

GoodnessOfFit goodness_of_fit(std::span<const std::int64_t> counts,
                              std::span<const double> probabilities) {
  GoodnessOfFit fit;
  std::vector<std::size_t> support;
  for (std::size_t code = 0; code < counts.size(); ++code) {
    if (probabilities[code] > 0.0) {
      support.push_back(code);
    } else {
      fit.outside += counts[code];
    }
  }
  std::sort(support.begin(), support.end(), [&](std::size_t a, std::size_t b) {
    return probabilities[a] < probabilities[b];
  });

  const auto n_draws = static_cast<double>(
      std::accumulate(counts.begin(), counts.end(), std::int64_t{0}));
  double observed = 0.0;
  double expected = 0.0;
  std::int64_t n_cells = 0;
  for (std::size_t idx = 0; idx < support.size(); ++idx) {
    observed += static_cast<double>(counts[support[idx]]);
    expected += n_draws * probabilities[support[idx]];
    if (expected < kMinExpected && idx + 1 < support.size()) continue;
    fit.statistic += (observed - expected) * (observed - expected) / expected;
    ++n_cells;
    observed = expected = 0.0;
  }
  fit.dof = std::max<std::int64_t>(n_cells - 1, 0);
  return fit;
}

}  // namespace csm::validate
