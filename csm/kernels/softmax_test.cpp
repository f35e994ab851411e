#include "csm/kernels/softmax.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "csm/kernels/kernel_testing.h"

namespace csm::kernels {
namespace {

using testing::bits_equal;
using testing::Guarded;
using testing::random_floats;
using testing::special_floats;
using testing::ulp_error;
using testing::vector_isas;

constexpr float kInf = std::numeric_limits<float>::infinity();

TEST(Exp, WholeRange_Within1UlpOfDouble) {
  std::vector<float> x;
  for (int i = -105000; i <= 89000; ++i)
    x.push_back(static_cast<float>(i) * 1e-3F);
  for (int i = -1000; i <= 1000; ++i)
    x.push_back(static_cast<float>(i) * 1e-8F);
  std::vector<float> y(x.size());
  for (const Isa isa : available_isas()) {
    exp_f32(x.data(), y.data(), static_cast<std::int64_t>(x.size()), isa);
    for (std::size_t i = 0; i < x.size(); ++i) {
      const double want = std::exp(static_cast<double>(x[i]));
      if (want > static_cast<double>(std::numeric_limits<float>::max())) {
        ASSERT_EQ(y[i], kInf) << "x = " << x[i];
      } else {
        ASSERT_LE(ulp_error(y[i], want), 1.0) << "x = " << x[i];
      }
    }
  }
}

TEST(Exp, SpecialValues_LimitsAndBitEqual) {
  const std::vector<float> x = special_floats();
  const auto n = static_cast<std::int64_t>(x.size());
  std::vector<float> want(x.size());
  exp_f32(x.data(), want.data(), n, Isa::kScalar);
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i])) {
      EXPECT_TRUE(std::isnan(want[i]));
    }
    if (x[i] == kInf) {
      EXPECT_EQ(want[i], kInf);
    }
    if (x[i] == -kInf) {
      EXPECT_EQ(want[i], 0.0F);
    }
    if (x[i] == 0.0F) {
      EXPECT_EQ(want[i], 1.0F);
    }
  }
  for (const Isa isa : vector_isas()) {
    std::vector<float> got(x.size());
    exp_f32(x.data(), got.data(), n, isa);
    EXPECT_TRUE(bits_equal(got, want)) << to_string(isa);
  }
}

TEST(Softmax, AllIsasAllSizes_BitEqualToScalarWithinBounds) {
  for (std::size_t n = 1; n <= 70; ++n) {
    const std::vector<float> x = random_floats(n + 3, 5, 6.0F);
    const auto count = static_cast<std::int64_t>(n);
    Guarded want(n);
    Guarded want_exp(n);
    softmax_f32(x.data() + 3, want.data(), count, Isa::kScalar);
    const float sum =
        exp_and_sum(x.data() + 3, want_exp.data(), count, Isa::kScalar);
    for (const Isa isa : vector_isas()) {
      Guarded got(n);
      softmax_f32(x.data() + 3, got.data(), count, isa);
      EXPECT_TRUE(bits_equal(got.values(), want.values())) << to_string(isa);
      EXPECT_EQ(exp_and_sum(x.data() + 3, got.data(), count, isa), sum);
      EXPECT_TRUE(bits_equal(got.values(), want_exp.values()));
      EXPECT_TRUE(got.intact()) << to_string(isa) << " n=" << n;
    }
  }
}

TEST(Softmax, LargeVector_CloseToDoubleAndSumsTo1) {
  const std::size_t n = 2051;
  const std::vector<float> x = random_floats(n, 6, 5.0F);
  std::vector<float> y(n);
  softmax_f32(x.data(), y.data(), static_cast<std::int64_t>(n));
  double sum = 0;
  for (float v : x) sum += std::exp(static_cast<double>(v));
  double total = 0;
  for (std::size_t i = 0; i < n; ++i) {
    const double want = std::exp(static_cast<double>(x[i])) / sum;
    // x - max is rounded to half an ulp of at most 64: 2^-19 relative.
    EXPECT_NEAR(static_cast<double>(y[i]), want, want * 4e-6);
    total += static_cast<double>(y[i]);
  }
  EXPECT_NEAR(total, 1.0, 1e-6);
}

TEST(Softmax, MaskedEntries_GetZero) {
  std::vector<float> x = {1.0F, -kInf, 2.0F, -kInf};
  softmax_f32(x.data(), x.data(), 4);
  EXPECT_EQ(x[1], 0.0F);
  EXPECT_EQ(x[3], 0.0F);
  EXPECT_NEAR(x[0] + x[2], 1.0F, 1e-6F);
  std::vector<float> all(20, -kInf);
  softmax_f32(all.data(), all.data(), 20);
  for (float v : all) EXPECT_TRUE(std::isnan(v));
}

TEST(Softmax, NanInput_SpreadsOnEveryIsa) {
  for (std::size_t place : {0U, 5U, 16U, 39U}) {
    std::vector<float> x = random_floats(40, 7);
    x[place] = std::numeric_limits<float>::quiet_NaN();
    for (const Isa isa : available_isas()) {
      std::vector<float> y(40);
      softmax_f32(x.data(), y.data(), 40, isa);
      for (float v : y) EXPECT_TRUE(std::isnan(v)) << to_string(isa);
    }
  }
}

}  // namespace
}  // namespace csm::kernels
