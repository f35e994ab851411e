#include "csm/sampling/probabilities.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <numeric>
#include <vector>

#include "csm/sampling/bf16.h"

namespace csm::sampling {
namespace {

TEST(RoundToBf16, HalfwayCases_GoToEven) {
  EXPECT_EQ(round_to_bf16(1.0F), 1.0F);
  EXPECT_EQ(round_to_bf16(1.0F + 0x1p-8F), 1.0F);
  EXPECT_EQ(round_to_bf16(1.0F + 3 * 0x1p-8F), 1.0F + 0x1p-6F);
  EXPECT_EQ(round_to_bf16(1.0F + 0x1p-8F + 0x1p-20F), 1.0F + 0x1p-7F);
  EXPECT_EQ(round_to_bf16(-1.0F - 0x1p-8F), -1.0F);
  EXPECT_TRUE(std::isinf(round_to_bf16(3.4e38F)));
  EXPECT_TRUE(
      std::isnan(round_to_bf16(std::numeric_limits<float>::quiet_NaN())));
}

TEST(ExpNonpositive, WholeRange_IsWithinHalfAnUlp) {
  int n_not_nearest = 0;
  for (float x = -87.0F; x <= 0.0F; x += 0.0137F) {
    const auto expected = static_cast<float>(std::exp(static_cast<double>(x)));
    n_not_nearest += exp_nonpositive(x) == expected ? 0 : 1;
  }
  EXPECT_EQ(n_not_nearest, 0);
  EXPECT_EQ(exp_nonpositive(0.0F), 1.0F);
  EXPECT_EQ(exp_nonpositive(-103.0F),
            static_cast<float>(std::exp(-103.0)));  // denormal
  EXPECT_EQ(exp_nonpositive(-1000.0F), 0.0F);
  EXPECT_EQ(exp_nonpositive(-std::numeric_limits<float>::infinity()), 0.0F);
}

TEST(ScaleLogits, TemperatureOne_LeavesThemUntouched) {
  const std::vector<float> logits = {0.1F, -7.3F, 1e-40F};
  std::vector<float> scaled(3);
  scale_logits(logits, 1.0F, SamplerKind::kTorchF32, scaled);
  EXPECT_EQ(scaled, logits);
}

TEST(ScaleLogits, Bfloat16_RoundsLogitAndQuotient) {
  std::vector<float> scaled(1);
  const std::vector<float> logits = {1.0F + 0x1p-8F};  // to 1
  scale_logits(logits, 0.9F, SamplerKind::kTorchBf16, scaled);
  EXPECT_EQ(scaled[0], round_to_bf16(1.0F / 0.9F));
}

TEST(SoftmaxInPlace, Float32_SumsToOne) {
  std::vector<float> row = {1.0F, 2.0F, 3.0F, -90.0F};
  softmax_in_place(SamplerKind::kTorchF32, row);
  EXPECT_NEAR(std::accumulate(row.begin(), row.end(), 0.0F), 1.0F, 1e-6F);
  EXPECT_FLOAT_EQ(row[2], 0.66524094F);
}

TEST(SoftmaxInPlace, Bfloat16_FollowsTorchsRoundingPoints) {
  // torch 2.9.1, bfloat16: softmax(log_softmax(x)). A single softmax, or one
  // in float32 that is rounded at the end, gives other values.
  std::vector<float> row = {1.0F, 2.0F, 6.5F, 4.5F, -3.0F, -1.5F, 0.0F, 2.25F};
  const std::vector<float> expected = {
      0.0034942626953125F, 0.00946044921875F,      0.859375F,
      0.11572265625F,      6.580352783203125e-05F, 0.0002956390380859375F,
      0.00128173828125F,   0.01220703125F};
  softmax_in_place(SamplerKind::kTorchBf16, row);
  EXPECT_EQ(row, expected);
}

}  // namespace
}  // namespace csm::sampling
