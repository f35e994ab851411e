#include "csm/kernels/affine.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/kernels/affine_testing.h"

namespace csm::kernels {
namespace {

using testing::AffineForm;
using testing::AffineMatrix;
using testing::all_affine_forms;
using testing::as_size;
using testing::random_floats;

constexpr std::int64_t kOut = 21;
constexpr std::int64_t kIn = 384;

TEST(Affine, EveryWeight_WithinHalfAStep) {
  const std::vector<float> w = random_floats(kOut * kIn, 1, 0.1F);
  for (const AffineForm& form : all_affine_forms()) {
    const AffineMatrix matrix(form, kOut, kIn, w);
    const AffineRows rows = matrix.rows();
    const bool half = form.format.scales == ScaleType::kBfloat16;
    for (std::int64_t o = 0; o < kOut; ++o) {
      for (std::int64_t i = 0; i < kIn; ++i) {
        const std::size_t g = as_size((o * kIn + i) / form.format.group);
        const auto step = std::abs(static_cast<double>(rows.scales[g]));
        // The end of the range moves by at most the rounding of scale and
        // bias, 2^-8 of each, where scales are bfloat16.
        const double range = ((1 << bits_of(form.type)) - 1) * step;
        const double slack = half ? range * 0x1p-7 : 0.0;
        // The fit makes zero representable, which may cost half a step.
        EXPECT_NEAR(matrix.value(o, i),
                    static_cast<double>(w[as_size(o * kIn + i)]),
                    step * 1.01 + slack);
      }
    }
  }
}

/// Root mean square of w - (its integers).
double rms_error(const AffineForm& form, const std::vector<float>& w) {
  const AffineMatrix matrix(form, kOut, kIn, w);
  double sum = 0;
  for (std::int64_t o = 0; o < kOut; ++o) {
    for (std::int64_t i = 0; i < kIn; ++i) {
      sum += std::pow(
          matrix.value(o, i) - static_cast<double>(w[as_size(o * kIn + i)]), 2);
    }
  }
  return std::sqrt(sum / static_cast<double>(kOut * kIn));
}

TEST(Affine, ScalesOfBfloat16_CostNextToNothing) {
  const std::vector<float> w = random_floats(kOut * kIn, 2, 0.1F);
  for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
    const double full = rms_error({type, {64, ScaleType::kFloat32}}, w);
    const double half = rms_error({type, {64, ScaleType::kBfloat16}}, w);
    EXPECT_LT(half, 1.05 * full) << bits_of(type) << " bits";
  }
}

TEST(Affine, ConstantAndZeroGroups_Exact) {
  for (const AffineForm& form : all_affine_forms()) {
    for (const float value : {0.0F, 0.5F, -0.25F}) {
      const AffineMatrix w(form, 1, 128, std::vector<float>(128, value));
      for (std::int64_t i = 0; i < 128; ++i) {
        EXPECT_EQ(w.value(0, i), static_cast<double>(value));
      }
    }
  }
}

TEST(Affine, AnyThreads_SameIntegers) {
  const std::vector<float> w = random_floats(64 * 1024, 3);
  std::vector<std::uint32_t> words[2];
  std::vector<float> scales[2];
  std::vector<float> biases[2];
  ThreadPool pool(3);
  for (const std::size_t run : {0U, 1U}) {
    words[run].resize(64 * 1024 / 8);
    scales[run].resize(64 * 1024 / 64);
    biases[run].resize(64 * 1024 / 64);
    quantize_rows(w.data(), WeightType::kInt4, {}, 64, 1024,
                  {words[run].data(), scales[run].data(), biases[run].data()},
                  run == 0 ? nullptr : &pool);
  }
  EXPECT_EQ(words[0], words[1]);
  EXPECT_EQ(scales[0], scales[1]);
  EXPECT_EQ(biases[0], biases[1]);
}

TEST(AffineTiles, PackedAndUnpacked_TheSameRows) {
  for (const AffineForm& form : all_affine_forms()) {
    for (const std::int64_t n_out : {1, 16, 37}) {
      const AffineMatrix w(form, n_out, kIn,
                           random_floats(as_size(n_out * kIn), 4));
      const AffineRows rows = w.rows();
      std::vector<std::uint32_t> words(
          as_size(n_out * kIn * bits_of(form.type) / 32));
      std::vector<float> scales(as_size(n_out * kIn / form.format.group));
      std::vector<float> biases(scales.size());
      unpack_tiles(w.tiles(), form.type, form.format, n_out, kIn, words.data(),
                   scales.data(), biases.data());
      EXPECT_TRUE(std::equal(words.begin(), words.end(), rows.words));
      EXPECT_TRUE(std::equal(scales.begin(), scales.end(), rows.scales));
      EXPECT_TRUE(std::equal(biases.begin(), biases.end(), rows.biases));
    }
  }
}

TEST(AffineTiles, Bytes_AreWholeCacheLines) {
  // 4.5 and 8.5 bits a weight with the default format.
  EXPECT_EQ(affine_tiles_bytes(WeightType::kInt4, {}, 2048, 2048),
            2048U * 2048U * 9U / 16U);
  EXPECT_EQ(affine_tiles_bytes(WeightType::kInt8, {}, 2051, 1024),
            2064U * 1024U * 17U / 16U);
  for (const AffineForm& form : all_affine_forms()) {
    EXPECT_EQ(affine_tile_bytes(form.type, form.format, 128) % 64, 0);
  }
}

TEST(Affine, RoundToBfloat16_NearestTiesToEven) {
  EXPECT_EQ(round_to_bf16(0x1.01p0F), 0x1.00p0F);  // tie, even below
  EXPECT_EQ(round_to_bf16(0x1.03p0F), 0x1.04p0F);  // tie, even above
  EXPECT_EQ(round_to_bf16(0x1.0101p0F), 0x1.02p0F);
  EXPECT_EQ(round_to_bf16(-0x1.00ffp0F), -0x1.00p0F);
}

}  // namespace
}  // namespace csm::kernels
