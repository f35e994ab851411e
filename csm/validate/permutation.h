#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace csm::validate {

/// What distribution similarity chance alone gives two samples like these.
struct PermutationTest {
  double observed = 0;   ///< mean similarity over the rows
  double null_low = 0;   ///< 2.5 % quantile if both sides were one source
  double null_high = 0;  ///< 97.5 % quantile
  double p_value = 1;    ///< (1 + permutations as unlike) / (1 + permutations)
};

/// Two-sample permutation test of distribution similarity (1 - total
/// variation), averaged over rows; within each row the draws of both sides are
/// pooled and dealt out anew, `n_permutations` times.
///
/// a, b   [n_draws, n_rows] codes in [0, vocab)
/// seed   of the permutations; same seed, same result
[[nodiscard]] PermutationTest permutation_test(std::span<const std::int32_t> a,
                                               std::span<const std::int32_t> b,
                                               int n_rows, int vocab,
                                               int n_permutations,
                                               std::uint64_t seed);

/// A percentile bootstrap interval of a mean.
struct Interval {
  double low = 0;
  double high = 0;
};

/// 95 % interval of the mean of independent values, by 1000 resamples.
///
/// values  [n], n >= 1
[[nodiscard]] Interval bootstrap_mean(std::span<const double> values,
                                      std::uint64_t seed);

}  // namespace csm::validate
