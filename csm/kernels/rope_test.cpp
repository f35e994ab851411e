#include "csm/kernels/rope.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "csm/kernels/kernel_testing.h"

namespace csm::kernels {
namespace {

using testing::random_floats;
using testing::ulp_error;

TEST(RopeTable, ManyPositions_Within1UlpOfDouble) {
  std::vector<float> inv_freq;
  for (int j = 0; j < 32; ++j) {
    inv_freq.push_back(static_cast<float>(std::pow(10000.0, -j / 32.0)));
  }
  std::vector<float> cos(32 * 64);
  std::vector<float> sin(32 * 64);
  for (std::int64_t first : {0, 64, 2000, 123456, 16000000}) {
    rope_table(inv_freq.data(), 32, first, 64, cos.data(), sin.data());
    for (std::size_t i = 0; i < cos.size(); ++i) {
      const auto position =
          static_cast<float>(first + static_cast<std::int64_t>(i / 32));
      const float angle = position * inv_freq[i % 32];
      const auto a = static_cast<double>(angle);
      ASSERT_LE(ulp_error(cos[i], std::cos(a)), 0.51) << "angle " << angle;
      ASSERT_LE(ulp_error(sin[i], std::sin(a)), 0.51) << "angle " << angle;
    }
  }
}

TEST(RopeTable, NegativeFrequencies_OddAndEven) {
  const float inv_freq[] = {0.7F, -0.7F};
  float cos[2 * 50];
  float sin[2 * 50];
  rope_table(inv_freq, 2, 0, 50, cos, sin);
  for (int t = 0; t < 50; ++t) {
    EXPECT_EQ(cos[2 * t], cos[2 * t + 1]);
    EXPECT_EQ(sin[2 * t], -sin[2 * t + 1]);
  }
}

TEST(RopeRotate, PairsAreHalfSplit_LengthIsKept) {
  const std::vector<float> x = random_floats(6, 1);
  const float angles[] = {0.3F, 1.1F, 2.9F};
  float cos[3];
  float sin[3];
  rope_table(angles, 3, 1, 1, cos, sin);
  std::vector<float> y = x;
  rope_rotate(y.data(), cos, sin, 3, y.data());
  for (std::size_t j = 0; j < 3; ++j) {
    EXPECT_EQ(y[j], x[j] * cos[j] - x[j + 3] * sin[j]);
    EXPECT_EQ(y[j + 3], x[j + 3] * cos[j] + x[j] * sin[j]);
    EXPECT_NEAR(std::hypot(y[j], y[j + 3]), std::hypot(x[j], x[j + 3]), 1e-6F);
  }
}

}  // namespace
}  // namespace csm::kernels
