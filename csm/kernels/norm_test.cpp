#include "csm/kernels/norm.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/kernels/kernel_testing.h"

namespace csm::kernels {
namespace {

using testing::bits_equal;
using testing::Guarded;
using testing::random_floats;
using testing::vector_isas;

constexpr float kEps = 1e-5F;

TEST(Norm, AllIsasAllSizes_BitEqualToScalarWithinBounds) {
  for (std::size_t n = 1; n <= 67; ++n) {
    const std::vector<float> x = random_floats(n + 1, 1, 3.0F);
    const std::vector<float> gain = random_floats(n + 1, 2);
    const std::vector<float> bias = random_floats(n + 1, 3);
    const auto width = static_cast<std::int64_t>(n);
    Guarded rms(n);
    Guarded layer(n);
    rms_norm(x.data() + 1, width, gain.data() + 1, kEps, rms.data(),
             Isa::kScalar);
    layer_norm(x.data() + 1, width, gain.data() + 1, bias.data() + 1, kEps,
               layer.data(), Isa::kScalar);
    for (const Isa isa : vector_isas()) {
      Guarded got(n);
      rms_norm(x.data() + 1, width, gain.data() + 1, kEps, got.data(), isa);
      EXPECT_TRUE(bits_equal(got.values(), rms.values())) << to_string(isa);
      EXPECT_TRUE(got.intact());
      layer_norm(x.data() + 1, width, gain.data() + 1, bias.data() + 1, kEps,
                 got.data(), isa);
      EXPECT_TRUE(bits_equal(got.values(), layer.values())) << to_string(isa);
      EXPECT_TRUE(got.intact());
    }
  }
}

double mean_square(const std::vector<float>& x, double centre) {
  double sum = 0;
  for (float v : x) {
    const double d = static_cast<double>(v) - centre;
    sum += d * d;
  }
  return sum / static_cast<double>(x.size());
}

TEST(RmsNorm, Width2048_CloseToDouble) {
  const std::vector<float> x = random_floats(2048, 4, 2.0F);
  const std::vector<float> gain = random_floats(2048, 5);
  std::vector<float> y(2048);
  rms_norm(x.data(), 2048, gain.data(), kEps, y.data());
  const double r = 1.0 / std::sqrt(mean_square(x, 0) + 1e-5);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double want =
        static_cast<double>(x[i]) * r * static_cast<double>(gain[i]);
    EXPECT_NEAR(static_cast<double>(y[i]), want, std::abs(want) * 1e-6);
  }
}

TEST(LayerNorm, Width515_CloseToDouble) {
  std::vector<float> x = random_floats(515, 6);
  for (float& v : x) v += 3.0F;
  const std::vector<float> gain = random_floats(515, 7);
  const std::vector<float> bias = random_floats(515, 8);
  std::vector<float> y(515);
  layer_norm(x.data(), 515, gain.data(), bias.data(), kEps, y.data());
  double mean = 0;
  for (float v : x) mean += static_cast<double>(v) / 515.0;
  const double r = 1.0 / std::sqrt(mean_square(x, mean) + 1e-5);
  for (std::size_t i = 0; i < y.size(); ++i) {
    const double want =
        (static_cast<double>(x[i]) - mean) * r * static_cast<double>(gain[i]) +
        static_cast<double>(bias[i]);
    EXPECT_NEAR(static_cast<double>(y[i]), want, 4e-6);
  }
}

TEST(Norm, ZerosAndNan_ZeroAndNan) {
  const std::vector<float> gain(40, 2.0F);
  std::vector<float> x(40, 0.0F);
  rms_norm(x.data(), 40, gain.data(), kEps, x.data());
  for (float v : x) EXPECT_EQ(v, 0.0F);
  x[7] = std::numeric_limits<float>::quiet_NaN();
  for (const Isa isa : available_isas()) {
    std::vector<float> y(40);
    rms_norm(x.data(), 40, gain.data(), kEps, y.data(), isa);
    for (float v : y) EXPECT_TRUE(std::isnan(v)) << to_string(isa);
  }
}

TEST(NormalizeRows, AnyThreadsAndRows_SameAsOneByOne) {
  const std::int64_t width = 1024;
  const std::int64_t n_rows = 17;
  const std::vector<float> x = random_floats(1024 * 17, 9);
  const std::vector<float> gain = random_floats(1024, 10);
  const std::vector<float> bias = random_floats(1024, 11);
  for (const float* b : {static_cast<const float*>(nullptr), bias.data()}) {
    const NormWeights norm{gain.data(), b, kEps, width};
    std::vector<float> want(x.size());
    for (std::int64_t row = 0; row < n_rows; ++row) {
      normalize_rows(norm, x.data() + row * width, 1, want.data() + row * width,
                     nullptr);
    }
    for (int threads : {1, 2, 3}) {
      ThreadPool pool(threads);
      std::vector<float> got(x.size());
      normalize_rows(norm, x.data(), n_rows, got.data(), &pool);
      EXPECT_TRUE(bits_equal(got, want)) << threads << " threads";
    }
  }
}

}  // namespace
}  // namespace csm::kernels
