#include "csm/sampling/torch_mkl_rng.h"

#include <gtest/gtest.h>

#include <array>
#include <cstdint>
#include <vector>

namespace csm::sampling {
namespace {

TEST(ExponentialMkl, PublishedValuesOfSeed42_Match) {
  // torch issue 150538: seed 42, after rand(5) which takes five words.
  constexpr std::array<float, 5> kExpected = {0.5809F, 0.0436F, 2.0548F,
                                              1.9680F, 0.3315F};
  TorchCpuGenerator generator(42);
  generator.skip(5);
  std::vector<float> values(kExpected.size());
  exponential_mkl(generator, values);
  for (std::size_t idx = 0; idx < kExpected.size(); ++idx) {
    EXPECT_NEAR(values[idx], kExpected[idx], 5e-5F);
  }
}

TEST(ExponentialMkl, CallOfAnyLength_TakesOneWord) {
  for (const std::size_t n : {1U, 799U, 2051U}) {
    TorchCpuGenerator generator(7);
    std::vector<float> values(n);
    exponential_mkl(generator, values);
    TorchCpuGenerator expected(7);
    expected.skip(1);
    EXPECT_EQ(generator.next32(), expected.next32());
  }
}

TEST(ExponentialMkl, LongStream_HasMeanOne) {
  TorchCpuGenerator generator(1);
  std::vector<float> values(1000000);
  exponential_mkl(generator, values);
  double sum = 0.0;
  for (const float value : values) {
    ASSERT_GT(value, 0.0F);
    sum += static_cast<double>(value);
  }
  EXPECT_NEAR(sum / 1e6, 1.0, 0.004);  // 4 standard errors
}

}  // namespace
}  // namespace csm::sampling
