#include "csm/sampling/top_k.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <limits>
#include <random>
#include <vector>

namespace csm::sampling {
namespace {

float by_sorting(std::vector<float> values, int k) {
  std::sort(values.begin(), values.end(), std::greater<>());
  return values[static_cast<std::size_t>(k - 1)];
}

TEST(KthLargest, RandomRowsOfAnySize_EqualSorting) {
  std::mt19937 random(1);
  std::normal_distribution<float> normal(0.0F, 3.0F);
  for (const std::size_t n : {1U, 2U, 3U, 31U, 67U, 515U, 2051U}) {
    for (const bool tied : {false, true}) {
      std::vector<float> values(n);
      for (float& value : values) {
        value = tied ? std::round(normal(random)) : normal(random);
      }
      const int last = static_cast<int>(n);
      for (const int k : {1, 2, 20, 50, 100, last / 2, last - 1, last}) {
        if (k < 1 || k > last) continue;
        EXPECT_EQ(kth_largest(values, k), by_sorting(values, k))
            << n << ' ' << k << ' ' << tied;
      }
    }
  }
}

TEST(KthLargest, ExtremeValues_AreOrdered) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  constexpr float kTiny = std::numeric_limits<float>::denorm_min();
  const std::vector<float> values = {-kInfinity, 3.4e38F, -3.4e38F, kTiny,
                                     -kTiny,     0.0F,    -0.0F,    kInfinity};
  for (int k = 1; k <= static_cast<int>(values.size()); ++k) {
    EXPECT_EQ(kth_largest(values, k), by_sorting(values, k)) << k;
  }
}

TEST(KthLargest, AllEqual_IsThatValue) {
  const std::vector<float> values(100, -2.5F);
  for (const int k : {1, 50, 100}) EXPECT_EQ(kth_largest(values, k), -2.5F);
}

}  // namespace
}  // namespace csm::sampling
