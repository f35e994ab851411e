#include "csm/kernels/activation.h"

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

using Unary = void (*)(const float*, float*, std::int64_t, Isa);

void silu_only(const float* x, float* y, std::int64_t n, Isa isa) {
  const std::vector<float> ones(static_cast<std::size_t>(n), 1.0F);
  silu_mul(x, ones.data(), y, n, isa);
}

struct Case {
  const char* name;
  Unary function;
  double (*reference)(double);
  double max_ulp;
};

double silu_exact(double x) { return x / (1.0 + std::exp(-x)); }
double gelu_exact(double x) { return x * 0.5 * std::erfc(-x * M_SQRT1_2); }
double elu_exact(double x) { return x > 0 ? x : std::expm1(x); }

class Activation : public ::testing::TestWithParam<Case> {};

std::vector<float> apply(const Case& c, const std::vector<float>& x, Isa isa) {
  std::vector<float> y(x.size());
  c.function(x.data(), y.data(), static_cast<std::int64_t>(x.size()), isa);
  return y;
}

TEST_P(Activation, AllIsasAllSizes_BitEqualToScalarWithinBounds) {
  for (std::size_t n = 0; n <= 35; ++n) {
    const std::vector<float> x = random_floats(n + 1, 1, 4.0F);
    const auto count = static_cast<std::int64_t>(n);
    Guarded want(n);
    GetParam().function(x.data() + 1, want.data(), count, Isa::kScalar);
    EXPECT_TRUE(want.intact());
    for (const Isa isa : vector_isas()) {
      Guarded got(n);
      GetParam().function(x.data() + 1, got.data(), count, isa);
      EXPECT_TRUE(bits_equal(got.values(), want.values())) << to_string(isa);
      EXPECT_TRUE(got.intact()) << to_string(isa) << " n=" << n;
    }
  }
}

TEST_P(Activation, SpecialValues_BitEqualToScalar) {
  const std::vector<float> x = special_floats();
  const std::vector<float> want = apply(GetParam(), x, Isa::kScalar);
  for (const Isa isa : vector_isas()) {
    EXPECT_TRUE(bits_equal(apply(GetParam(), x, isa), want)) << to_string(isa);
  }
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (std::isnan(x[i])) {
      EXPECT_TRUE(std::isnan(want[i]));
    }
    if (x[i] == std::numeric_limits<float>::infinity()) {
      EXPECT_EQ(want[i], x[i]);
    }
    if (x[i] == 0.0F) {
      EXPECT_EQ(want[i], 0.0F);
    }
  }
}

TEST_P(Activation, DenseRange_WithinUlpsOfDouble) {
  std::vector<float> x;
  for (int i = -60000; i <= 60000; ++i) {
    x.push_back(static_cast<float>(i) * 2.1e-4F);  // [-12.6, 12.6]
    x.push_back(static_cast<float>(i) * 1e-9F);
  }
  const std::vector<float> y = apply(GetParam(), x, kernel_isa());
  for (std::size_t i = 0; i < x.size(); ++i) {
    const double want = GetParam().reference(static_cast<double>(x[i]));
    ASSERT_LE(ulp_error(y[i], want), GetParam().max_ulp) << "x = " << x[i];
  }
}

INSTANTIATE_TEST_SUITE_P(All, Activation,
                         ::testing::Values(Case{"Silu", silu_only, silu_exact,
                                                3.0},
                                           Case{"Gelu", gelu, gelu_exact, 8.0},
                                           Case{"Elu", elu, elu_exact, 2.0}),
                         [](const auto& test) { return test.param.name; });

TEST(SiluMul, InPlace_SameAsApart) {
  const std::vector<float> gate = random_floats(37, 2);
  const std::vector<float> up = random_floats(37, 3);
  std::vector<float> want(37);
  silu_mul(gate.data(), up.data(), want.data(), 37);
  std::vector<float> got = gate;
  silu_mul(got.data(), up.data(), got.data(), 37);
  EXPECT_TRUE(bits_equal(got, want));
  std::vector<float> unit(37);
  silu_only(gate.data(), unit.data(), 37, kernel_isa());
  for (std::size_t i = 0; i < 37; ++i) EXPECT_EQ(want[i], unit[i] * up[i]);
}

}  // namespace
}  // namespace csm::kernels
