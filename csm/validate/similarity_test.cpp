#include "csm/validate/similarity.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "csm/validate/match.h"
#include "csm/validate/testing.h"

namespace csm::validate {
namespace {

using Counts = std::vector<std::int64_t>;

TEST(Similarity, EqualsFormulasInScipy) {
  const Json data = load_test_data("validate.json");
  ASSERT_EQ(data["pairs"].size(), 4U);
  for (const Json& golden : data["pairs"]) {
    const auto a = golden["a"].get<Counts>();
    const auto b = golden["b"].get<Counts>();
    const Similarity got = compare_counts(a, b);
    const auto expect = [&](const char* name, double value) {
      EXPECT_NEAR(value, golden[name].get<double>(), 1e-12) << name;
    };
    expect("similarity", got.similarity);
    expect("similarity", distribution_similarity(a, b));
    expect("cosine", got.cosine);
    expect("overlap_set", got.overlap_set);
    expect("overlap_weighted", got.overlap_weighted);
    expect("kl_forward", got.kl_forward);
    expect("kl_backward", got.kl_backward);
    expect("jensen_shannon", got.jensen_shannon);
    expect("entropy", entropy(std::span<const std::int64_t>(a)));
  }
}

TEST(Similarity, EqualSamplesReachTheIdealEnds) {
  const Counts a = {7, 0, 3, 11};
  const Similarity same = compare_counts(a, a);
  EXPECT_DOUBLE_EQ(same.similarity, 1.0);
  EXPECT_DOUBLE_EQ(same.cosine, 1.0);
  EXPECT_DOUBLE_EQ(same.overlap_set, 1.0);
  EXPECT_DOUBLE_EQ(same.overlap_weighted, 1.0);
  EXPECT_EQ(same.kl_forward, 0.0);
  EXPECT_EQ(same.kl_backward, 0.0);
  EXPECT_EQ(same.jensen_shannon, 0.0);
}

TEST(Similarity, DisjointSamplesReachTheOtherEnds) {
  const Similarity apart = compare_counts(Counts{5, 0}, Counts{0, 5});
  EXPECT_EQ(apart.similarity, 0.0);
  EXPECT_EQ(apart.cosine, 0.0);
  EXPECT_EQ(apart.overlap_set, 0.0);
  EXPECT_EQ(apart.overlap_weighted, 0.0);
  EXPECT_NEAR(apart.jensen_shannon, std::log(2.0), 1e-15);
}

TEST(Entropy, OfADistribution) {
  const std::vector<double> even = {0.25, 0.25, 0.0, 0.25, 0.25};
  EXPECT_NEAR(entropy(std::span<const double>(even)), std::log(4.0), 1e-15);
}

TEST(CountCodes, TakesEveryStrideth) {
  const std::vector<std::int32_t> codes = {0, 1, 2, 1, 0, 1, -1, 1};
  EXPECT_EQ(count_codes(codes, 3, 1, 2), (Counts{0, 4, 0}));
  EXPECT_EQ(count_codes(codes, 3), (Counts{2, 4, 1}));
}

TEST(MatchCodes, TellsNearTiesFromDefects) {
  const std::vector<std::int32_t> a = {1, 2, 3, 4};
  const std::vector<std::int32_t> b = {1, 9, 9, 4};
  const std::vector<float> margins = {0.0F, 1e-6F, 0.5F, 0.0F};
  const Match match = match_codes(a, b, margins, kNearTie, 2);
  EXPECT_EQ(match.n_equal, 2);
  EXPECT_EQ(match.n_near_ties, 1);
  EXPECT_EQ(match.n_defects, 1);
  EXPECT_EQ(match.first_defect, 2);
  EXPECT_DOUBLE_EQ(match.rate(), 0.5);
  EXPECT_EQ(match.by_row, (std::vector<double>{0.5, 0.5}));
}

TEST(RepetitionRate, ComparesWithTheFrameBefore) {
  // Two draws of three frames of two codebooks; draws do not touch.
  const std::vector<std::int32_t> codes = {1, 5, 1, 6, 1, 6,  //
                                           1, 6, 2, 6, 3, 7};
  EXPECT_DOUBLE_EQ(repetition_rate(codes, 3, 2), 4.0 / 8.0);
  EXPECT_EQ(repetition_rate(codes, 1, 2), 0.0);
}

}  // namespace
}  // namespace csm::validate
