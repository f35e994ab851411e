#include "csm/kernels/affine_product.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/kernels/affine_testing.h"

namespace csm::kernels {
namespace {

using testing::AffineForm;
using testing::AffineMatrix;
using testing::all_affine_forms;
using testing::as_size;
using testing::bits_equal;
using testing::Guarded;
using testing::random_floats;
using testing::vector_isas;

std::string name_of(const AffineForm& form) {
  return std::to_string(bits_of(form.type)) + " bits, group " +
         std::to_string(form.format.group);
}

AffineMatrix random_matrix(const AffineForm& form, std::int64_t n_out,
                           std::int64_t n_in, std::uint32_t seed = 1) {
  return {form, n_out, n_in, random_floats(as_size(n_out * n_in), seed, 0.1F)};
}

/// Largest error of a code, in its own units: half a step, and the rounding of
/// x / scale in float32.
double code_error(WeightType type) { return 0.5 + max_code(type) * 0x1p-23; }

// |y - w.x| is at most the sum over groups of
//   code error * input scale * sum |w|       (inputs are coded)
// and what float32 arithmetic adds: 4 roundings a group of terms of the size
// scale * |d| + |bias * code sum|, and one for each further group.
TEST(AffineProduct, AllForms_WithinBoundOfDoubles) {
  constexpr std::int64_t kIn = 512;
  constexpr std::int64_t kOut = 37;
  constexpr std::int64_t kRows = 5;
  const std::vector<float> x = random_floats(kRows * kIn, 2, 3.0F);
  for (const AffineForm& form : all_affine_forms()) {
    const AffineMatrix w = random_matrix(form, kOut, kIn);
    const std::vector<float> y = w.multiply(x, kernel_isa());
    const std::int64_t group = form.format.group;
    for (std::int64_t row = 0; row < kRows; ++row) {
      for (std::int64_t out = 0; out < kOut; ++out) {
        double want = 0;
        double bound = 0;
        for (std::int64_t g = 0; g < kIn / group; ++g) {
          double max = 0;
          double norm = 0;
          double raw = 0;
          for (std::int64_t i = g * group; i < (g + 1) * group; ++i) {
            const auto xi = static_cast<double>(x[as_size(row * kIn + i)]);
            want += w.value(out, i) * xi;
            max = std::max(max, std::abs(xi));
            norm += std::abs(w.value(out, i));
            raw += std::abs(xi);
          }
          bound += code_error(form.type) * max / max_code(form.type) * norm +
                   12 * 0x1p-24 * raw * 0.5;
        }
        EXPECT_NEAR(static_cast<double>(y[as_size(row * kOut + out)]), want,
                    bound)
            << name_of(form);
      }
    }
  }
}

/// Whether the first n_rows of x give the first rows of `want`, bit for bit,
/// and nothing is written beside them.
::testing::AssertionResult gives(const AffineMatrix& w,
                                 const std::vector<float>& x,
                                 std::int64_t n_rows,
                                 const std::vector<float>& want, Isa isa) {
  const std::int64_t n_out = w.product(n_rows, nullptr).n_out;
  Guarded got(as_size(n_rows * n_out));
  Matmul m = w.product(n_rows, got.data());
  const auto codes = w.codes(x.data(), n_rows, isa);
  m.codes = codes.data();
  matmul(m, nullptr, isa);
  if (!got.intact()) {
    return ::testing::AssertionFailure() << "written out of bounds";
  }
  const auto rows = std::span(want).first(got.values().size());
  if (!bits_equal(got.values(), rows)) {
    return ::testing::AssertionFailure() << "other bits";
  }
  return ::testing::AssertionSuccess();
}

TEST(AffineProduct, AllIsasSizesAndRows_BitEqualToScalarWithinBounds) {
  for (const AffineForm& form : all_affine_forms()) {
    for (const std::int64_t n_in : {128, 256}) {
      for (const std::int64_t n_out : {1, 16, 37}) {
        const AffineMatrix w = random_matrix(form, n_out, n_in);
        const std::vector<float> x = random_floats(as_size(15 * n_in), 3);
        const std::vector<float> want = w.multiply(x, Isa::kScalar);
        for (const Isa isa : vector_isas()) {
          for (const std::int64_t n_rows : {1, 2, 3, 8, 15}) {
            ASSERT_TRUE(gives(w, x, n_rows, want, isa))
                << to_string(isa) << " " << name_of(form) << " " << n_rows
                << "x" << n_out << "x" << n_in;
          }
        }
      }
    }
  }
}

/// From 16 rows on, pairs of tiles are multiplied; a tile and rows are left.
TEST(AffineProduct, ManyRows_BitEqualToScalarRowByRow) {
  constexpr std::int64_t kIn = 256;
  constexpr std::int64_t kMost = 45;
  const std::vector<float> x = random_floats(as_size(kMost * kIn), 3);
  for (const AffineForm& form : all_affine_forms()) {
    for (const std::int64_t n_out : {32, 70, 113}) {
      const AffineMatrix w = random_matrix(form, n_out, kIn);
      std::vector<float> want;
      for (std::int64_t row = 0; row < kMost; ++row) {
        const float* at = x.data() + row * kIn;
        const auto y = w.multiply({at, at + kIn}, Isa::kScalar);
        want.insert(want.end(), y.begin(), y.end());
      }
      for (const Isa isa : available_isas()) {
        for (const std::int64_t n_rows : {16, 24, 31, 45}) {
          ASSERT_TRUE(gives(w, x, n_rows, want, isa))
              << to_string(isa) << " " << name_of(form) << " " << n_rows << "x"
              << n_out;
        }
      }
    }
  }
}

/// Weights and inputs at the ends of their ranges: no sum may saturate.
TEST(AffineProduct, LargestIntegers_BitEqualToScalarAndClose) {
  for (const AffineForm& form : all_affine_forms()) {
    constexpr std::int64_t kIn = 256;
    std::vector<float> weights(16 * kIn);
    std::vector<float> x(2 * kIn);
    for (std::size_t i = 0; i < weights.size(); ++i) {
      weights[i] = i % 128 == 0 ? -0.5F : 1.0F;
    }
    for (std::size_t i = 0; i < x.size(); ++i) x[i] = i < kIn ? 2.0F : -2.0F;
    const AffineMatrix w(form, 16, kIn, weights);
    const std::vector<float> want = w.multiply(x, Isa::kScalar);
    for (std::size_t o = 0; o < 16; ++o) {
      double sum = 0;
      for (std::int64_t i = 0; i < kIn; ++i) {
        sum += 2.0 * w.value(static_cast<std::int64_t>(o), i);
      }
      EXPECT_NEAR(static_cast<double>(want[o]), sum, 1e-3) << name_of(form);
      EXPECT_EQ(want[o], -want[16 + o]);
    }
    for (const Isa isa : vector_isas()) {
      EXPECT_TRUE(bits_equal(w.multiply(x, isa), want))
          << to_string(isa) << " " << name_of(form);
    }
  }
}

TEST(AffineProduct, Epilogue_AddsBiasScaleAndResidualInOrder) {
  constexpr std::int64_t kOut = 37;
  const AffineForm form{WeightType::kInt4, {64, ScaleType::kBfloat16}};
  const AffineMatrix w = random_matrix(form, kOut, 128);
  const std::vector<float> x = random_floats(3 * 128, 3);
  const std::vector<float> bias = random_floats(kOut, 4);
  const std::vector<float> scale = random_floats(kOut, 5);
  const std::vector<float> residual = random_floats(3 * kOut, 6);
  for (const Isa isa : available_isas()) {
    std::vector<float> want = w.multiply(x, isa);
    for (std::size_t i = 0; i < want.size(); ++i) {
      const std::size_t o = i % kOut;
      want[i] = residual[i] + scale[o] * (want[i] + bias[o]);
    }
    Guarded got(want.size());
    Matmul m = w.product(3, got.data());
    const auto codes = w.codes(x.data(), 3, isa);
    m.codes = codes.data();
    m.bias = bias.data();
    m.scale = scale.data();
    m.residual = residual.data();
    m.residual_stride = kOut;
    matmul(m, nullptr, isa);
    EXPECT_TRUE(bits_equal(got.values(), want)) << to_string(isa);
    EXPECT_TRUE(got.intact());
  }
}

TEST(AffineProduct, AnyThreads_SameResult) {
  for (const AffineForm& form : all_affine_forms()) {
    for (const auto& [n_rows, n_out] :
         {std::pair<int, int>{1, 301}, {1, 16}, {6, 103}, {70, 7}}) {
      const AffineMatrix w = random_matrix(form, n_out, 512);
      const std::vector<float> x = random_floats(as_size(n_rows * 512), 3);
      const std::vector<float> want = w.multiply(x, kernel_isa());
      for (const int threads : {2, 3}) {
        ThreadPool pool(threads);
        Guarded got(want.size());
        Matmul m = w.product(n_rows, got.data());
        const auto codes = w.codes(x.data(), n_rows, kernel_isa(), &pool);
        m.codes = codes.data();
        matmul(m, &pool);
        EXPECT_TRUE(bits_equal(got.values(), want)) << threads << " threads";
        EXPECT_TRUE(got.intact());
      }
    }
  }
}

TEST(AffineProduct, NanOrInfiniteInput_ThatRowIsNan) {
  for (const AffineForm& form : all_affine_forms()) {
    const AffineMatrix w = random_matrix(form, 20, 128);
    for (const float bad : {std::numeric_limits<float>::quiet_NaN(),
                            std::numeric_limits<float>::infinity(),
                            -std::numeric_limits<float>::infinity()}) {
      std::vector<float> x = random_floats(3 * 128, 3);
      x[128 + 77] = bad;
      for (const Isa isa : available_isas()) {
        const std::vector<float> y = w.multiply(x, isa);
        for (std::size_t i = 0; i < y.size(); ++i) {
          EXPECT_EQ(std::isnan(y[i]), i / 20 == 1) << to_string(isa);
        }
      }
    }
  }
}

TEST(AffineProduct, ZeroTinyAndHugeInputs_Finite) {
  const AffineForm form{WeightType::kInt8, {64, ScaleType::kBfloat16}};
  const AffineMatrix w = random_matrix(form, 16, 128);
  for (const float size : {0.0F, 1e-45F, 1e-38F, 1e-30F, 1e36F}) {
    std::vector<float> x = random_floats(128, 3, size);
    const std::vector<float> want = w.multiply(x, Isa::kScalar);
    for (const float y : want) EXPECT_TRUE(std::isfinite(y)) << size;
    for (const Isa isa : vector_isas()) {
      EXPECT_TRUE(bits_equal(w.multiply(x, isa), want)) << size;
    }
  }
}

}  // namespace
}  // namespace csm::kernels
