#pragma once

#include <cstdint>
#include <span>

namespace csm::validate {

/// Regularised upper incomplete gamma function Q(a, x) = Gamma(a, x) /
/// Gamma(a): power series of P = 1 - Q below x = a + 1, Lentz's continued
/// fraction above.
///
/// a > 0, x >= 0; returns [0, 1]
/// Exact: relative error below 1e-10 against scipy.special.gammaincc for a up
///   to 1e5 (csm/validate/chi_square_test.cpp).
[[nodiscard]] double gamma_q(double a, double x);

/// Pearson's goodness of fit of counts with a distribution.
struct GoodnessOfFit {
  double statistic = 0;                  ///< sum (O - E)^2 / E over the cells
  std::int64_t dof = 0;                  ///< cells - 1
  std::int64_t outside = 0;              ///< draws of codes of probability 0
  [[nodiscard]] double p_value() const;  ///< 0 if outside > 0; 1 if dof is 0

  /// Independent tests add up: statistics and degrees of freedom do.
  GoodnessOfFit& operator+=(const GoodnessOfFit& other);
};

/// Cells with an expected count below 5 are pooled into one, from the rarest
/// code upwards until the pool reaches 5; codes of probability 0 form no cell
/// but are counted in `outside`.
///
/// counts         [V]
/// probabilities  [V], sum 1
[[nodiscard]] GoodnessOfFit goodness_of_fit(
    std::span<const std::int64_t> counts,
    std::span<const double> probabilities);

}  // namespace csm::validate
