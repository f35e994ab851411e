#include "csm/validate/permutation.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdlib>
#include <random>

namespace csm::validate {
namespace {

constexpr int kResamples = 1000;

// A number in [0, n) from 64 bits; the bias is n / 2^64.
std::size_t below(std::mt19937_64& random, std::size_t n) {
  return static_cast<std::size_t>(random() % n);
}

double quantile(std::vector<double> values, double q) {
  std::sort(values.begin(), values.end());
  const double place = q * static_cast<double>(values.size() - 1);
  return values[static_cast<std::size_t>(std::lround(place))];
}

// The similarity of the first half of `pool` with its second half.
// scratch  [vocab] zeros, left as zeros
double split_similarity(std::span<const std::int32_t> pool,
                        std::vector<std::int64_t>& scratch) {
  const std::size_t half = pool.size() / 2;
  for (std::size_t idx = 0; idx < pool.size(); ++idx) {
    scratch[static_cast<std::size_t>(pool[idx])] += idx < half ? 1 : -1;
  }
  std::int64_t difference = 0;
  for (const std::int32_t code : pool) {
    std::int64_t& count = scratch[static_cast<std::size_t>(code)];
    difference += std::abs(count);
    count = 0;
  }
  return 1.0 -
         static_cast<double>(difference) / (2.0 * static_cast<double>(half));
}

}  // namespace

PermutationTest permutation_test(std::span<const std::int32_t> a,
                                 std::span<const std::int32_t> b, int n_rows,
                                 int vocab, int n_permutations,
                                 std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto stride = static_cast<std::size_t>(n_rows);
  const std::size_t n_draws = a.size() / stride;
  std::vector<std::int64_t> scratch(static_cast<std::size_t>(vocab), 0);
  std::vector<double> null(static_cast<std::size_t>(n_permutations), 0.0);
  std::vector<std::int32_t> pool(2 * n_draws);
  PermutationTest test;
  for (std::size_t row = 0; row < stride; ++row) {
    for (std::size_t draw = 0; draw < n_draws; ++draw) {
      pool[draw] = a[draw * stride + row];
      pool[n_draws + draw] = b[draw * stride + row];
    }
    test.observed += split_similarity(pool, scratch) / n_rows;
    for (double& mean : null) {
      for (std::size_t idx = 0; idx < n_draws; ++idx) {
        std::swap(pool[idx], pool[idx + below(random, pool.size() - idx)]);
      }
      mean += split_similarity(pool, scratch) / n_rows;
    }
  }
  const auto as_unlike = std::count_if(
      null.begin(), null.end(),
      [&](double value) { return value <= test.observed + 1e-12; });
  test.p_value = static_cast<double>(1 + as_unlike) / (1.0 + n_permutations);
  test.null_low = quantile(null, 0.025);
  test.null_high = quantile(null, 0.975);
  return test;
}

Interval bootstrap_mean(std::span<const double> values, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  std::vector<double> means(kResamples, 0.0);
  for (double& mean : means) {
    for (std::size_t idx = 0; idx < values.size(); ++idx) {
      mean += values[below(random, values.size())];
    }
    mean /= static_cast<double>(values.size());
  }
  return {quantile(means, 0.025), quantile(means, 0.975)};
}

}  // namespace csm::validate
