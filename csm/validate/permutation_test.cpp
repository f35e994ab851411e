#include "csm/validate/permutation.h"

#include <gtest/gtest.h>

#include <random>
#include <vector>

namespace csm::validate {
namespace {

std::vector<std::int32_t> draws(std::uint64_t seed, int n, double first) {
  std::mt19937_64 random(seed);
  std::vector<std::int32_t> codes;
  for (int i = 0; i < n; ++i) {
    const bool is_first = std::uniform_real_distribution<>()(random) < first;
    codes.push_back(is_first ? 0 : 1 + static_cast<int>(random() % 7));
  }
  return codes;
}

TEST(PermutationTest, AcceptsOneSource) {
  int n_rejected = 0;
  for (std::uint64_t trial = 0; trial < 100; ++trial) {
    const auto test =
        permutation_test(draws(2 * trial, 400, 0.3),
                         draws(2 * trial + 1, 400, 0.3), 4, 8, 99, trial);
    n_rejected += test.p_value <= 0.05 ? 1 : 0;
    EXPECT_LE(test.null_low, test.null_high);
  }
  // 5 expected; 15 or more have a chance of 1e-4.
  EXPECT_LT(n_rejected, 15);
}

TEST(PermutationTest, RejectsTwoSources) {
  const auto test =
      permutation_test(draws(1, 4000, 0.3), draws(2, 4000, 0.4), 4, 8, 99, 3);
  EXPECT_EQ(test.p_value, 0.01);
  EXPECT_LT(test.observed, test.null_low);
}

TEST(PermutationTest, EqualSamplesAreAsLikeAsCanBe) {
  const auto a = draws(1, 400, 0.3);
  const auto test = permutation_test(a, a, 4, 8, 99, 3);
  EXPECT_NEAR(test.observed, 1.0, 1e-12);
  EXPECT_EQ(test.p_value, 1.0);
}

TEST(BootstrapMean, CoversTheMean) {
  int n_covered = 0;
  for (std::uint64_t trial = 0; trial < 200; ++trial) {
    std::mt19937_64 random(trial);
    std::vector<double> values;
    for (int i = 0; i < 50; ++i) {
      values.push_back(std::uniform_real_distribution<>()(random));
    }
    const Interval interval = bootstrap_mean(values, trial);
    n_covered += interval.low <= 0.5 && 0.5 <= interval.high ? 1 : 0;
  }
  EXPECT_GT(n_covered, 176);  // 190 expected, 4 standard deviations below
}

}  // namespace
}  // namespace csm::validate
