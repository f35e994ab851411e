#include "csm/kernels/affine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <span>
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

/// True where least squares may clip the extremes of a group.
bool is_refined(const AffineForm& form) {
  return form.type == WeightType::kInt4 &&
         form.format.scales == ScaleType::kBfloat16;
}

TEST(Affine, EveryWeight_WithinHalfAStep) {
  const std::vector<float> w = random_floats(kOut * kIn, 1, 0.1F);
  for (const AffineForm& form : all_affine_forms()) {
    if (is_refined(form)) continue;
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

/// Squared error of each group.
std::vector<double> group_errors(const AffineForm& form,
                                 const std::vector<float>& w) {
  const AffineMatrix matrix(form, kOut, kIn, w);
  std::vector<double> errors(as_size(kOut * kIn / form.format.group));
  for (std::int64_t at = 0; at < kOut * kIn; ++at) {
    errors[as_size(at / form.format.group)] += std::pow(
        matrix.value(at / kIn, at % kIn) - static_cast<double>(w[as_size(at)]),
        2);
  }
  return errors;
}

/// MLX's choice with scale and bias rounded to bfloat16: one group's error.
double range_error(std::span<const float> w, int n_steps) {
  const auto [low, high] = std::minmax_element(w.begin(), w.end());
  const bool from_low = std::abs(*low) > std::abs(*high);
  float scale = (*high - *low) / static_cast<float>(n_steps);
  if (!from_low) scale = -scale;
  const float edge = from_low ? *low : *high;
  scale = round_to_bf16(edge / std::rint(edge / scale));
  const float bias = round_to_bf16(edge);
  double error = 0;
  for (const float value : w) {
    const double q =
        std::clamp(std::rint(static_cast<double>((value - bias) / scale)), 0.0,
                   static_cast<double>(n_steps));
    error +=
        std::pow(static_cast<double>(scale) * q + static_cast<double>(bias) -
                     static_cast<double>(value),
                 2);
  }
  return error;
}

TEST(Affine, LeastSquares_NoGroupWorseThanTheRangeAndAllMuchBetter) {
  std::vector<float> w = random_floats(kOut * kIn, 7, 0.1F);
  for (std::size_t i = 0; i < w.size(); i += 129) w[i] *= 6;  // outliers
  for (const int group : {32, 64, 128}) {
    const auto refined =
        group_errors({WeightType::kInt4, {group, ScaleType::kBfloat16}}, w);
    double before = 0;
    double after = 0;
    for (std::size_t g = 0; g < refined.size(); ++g) {
      const auto size = static_cast<std::size_t>(group);
      const double range =
          range_error(std::span(w).subspan(g * size, size), 15);
      EXPECT_LE(refined[g], range * 1.0001) << "group " << g;
      before += range;
      after += refined[g];
    }
    EXPECT_LT(after, 0.92 * before) << "groups of " << group;
  }
}

TEST(Affine, HugeAndTinyValues_StayFinite) {
  for (const float size : {1e-38F, 1e-20F, 1e19F, 1e30F, 3e38F}) {
    std::vector<float> w = random_floats(kOut * kIn, 8);
    float most = 0;
    for (const float value : w) most = std::max(most, std::abs(value));
    for (float& value : w) value *= size / most / 2;
    for (const AffineForm& form : all_affine_forms()) {
      const AffineMatrix matrix(form, kOut, kIn, w);
      for (std::int64_t i = 0; i < kIn; ++i) {
        EXPECT_NEAR(matrix.value(0, i), static_cast<double>(w[as_size(i)]),
                    std::max(0.15 * static_cast<double>(size), 1e-6))
            << size;
      }
    }
  }
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

/// All that quantize_rows() writes for 64 x 1024 weights at 4 bits.
struct Quantised {
  std::vector<std::uint32_t> words = std::vector<std::uint32_t>(64 * 1024 / 8);
  std::vector<float> scales = std::vector<float>(64 * 1024 / 64);
  std::vector<float> biases = scales;

  Quantised(const std::vector<float>& w, ThreadPool* pool, Isa isa) {
    quantize_rows(w.data(), WeightType::kInt4, {}, 64, 1024,
                  {words.data(), scales.data(), biases.data()}, pool, isa);
  }
  bool operator==(const Quantised&) const = default;
};

TEST(Affine, AnyThreadsAndInstructionSet_SameIntegers) {
  const std::vector<float> w = random_floats(64 * 1024, 3);
  const Quantised want(w, nullptr, Isa::kScalar);
  ThreadPool pool(3);
  for (const Isa isa : available_isas()) {
    EXPECT_EQ(Quantised(w, nullptr, isa), want) << to_string(isa);
    EXPECT_EQ(Quantised(w, &pool, isa), want) << to_string(isa);
  }
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
