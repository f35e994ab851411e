#include "csm/kernels/quantized_op.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/kernels/testing_linear.h"

namespace csm::kernels {
namespace {

using testing::close;
using testing::composed_exec;
using testing::cpu_stream;
using testing::error_of;
using testing::expect_rows_independent;
using testing::fused_exec;
using ::testing::HasSubstr;
using testing::linear_operations;
using testing::LinearArguments;
using testing::random_array;
using testing::same;
using testing::to_bf16_array;
using testing::values_of;

constexpr int kWidth = 128;
constexpr int kHidden = 384;

Matrix tiled(const Matrix& rows) {
  mx::array memory =
      mx::zeros({static_cast<int>(tiled_bytes(rows))}, mx::uint8, cpu_stream());
  memory.eval();
  return tile_matrix(rows, memory);
}

/// Arguments of all operations with integer matrices.
struct Arguments : LinearArguments {
  Arguments(WeightType type, GroupFormat format, bool tiles)
      : LinearArguments(kWidth, kHidden) {
    for (Matrix* m : {&a, &b, &c}) {
      *m = quantize_matrix(m->data, type, format, nullptr);
      if (tiles) *m = tiled(*m);
    }
  }

  Matrix head{random_array({51, kWidth}, 8, 0.2F)};  // stays float32
};

/// Every operation on the rows x.
std::vector<mx::array> all_operations(const Exec& exec, const Arguments& args,
                                      const mx::array& x) {
  return linear_operations(exec, args, x, {args.a, args.head, args.b});
}

TEST(QuantizedOp, FusedAgainstMlxQuantizedMatmul_Close) {
  ThreadPool pool(2);
  for (const auto& [type, tolerance] :
       {std::pair{WeightType::kInt8, 2e-4}, {WeightType::kInt4, 4e-2}}) {
    for (const int group : {32, 64, 128}) {
      const GroupFormat format{group, ScaleType::kBfloat16};
      const Arguments tiles(type, format, true);
      const Arguments rows(type, format, false);
      const auto got = all_operations(fused_exec(&pool), tiles, tiles.x);
      const auto want = all_operations(composed_exec(), rows, rows.x);
      ASSERT_EQ(got.size(), want.size());
      for (std::size_t i = 0; i < got.size(); ++i) {
        EXPECT_TRUE(close(got[i], want[i], tolerance))
            << "operation " << i << ", " << bits_of(type) << " bits";
      }
    }
  }
}

TEST(QuantizedOp, RowAloneAndAnyPool_BitEqual) {
  for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
    const Arguments args(type, {}, true);
    expect_rows_independent(args.x, [&](const Exec& exec, const mx::array& x) {
      return all_operations(exec, args, x);
    });
  }
}

TEST(QuantizedOp, MixedTypesInOneBlock_CloseToComposed) {
  const Arguments int4(WeightType::kInt4, {}, true);
  const Arguments int8(WeightType::kInt8, {32, ScaleType::kFloat32}, true);
  const Arguments int4_rows(WeightType::kInt4, {}, false);
  const Arguments int8_rows(WeightType::kInt8, {32, ScaleType::kFloat32},
                            false);
  const Matrix float_down{random_array({kWidth, kHidden}, 7, 0.2F)};
  for (const bool last_is_float : {false, true}) {
    const Matrix& down = last_is_float ? float_down : int4.c;
    const Matrix& down_rows = last_is_float ? float_down : int4_rows.c;
    ThreadPool pool(3);
    EXPECT_TRUE(close(
        gated_mlp(fused_exec(&pool), int4.x, int4.rms, int4.a, int8.b, down),
        gated_mlp(composed_exec(), int4.x, int4.rms, int4_rows.a, int8_rows.b,
                  down_rows),
        2e-2));
  }
}

bool same_words(const mx::array& a, const mx::array& b) {
  return mx::array_equal(a, b, cpu_stream()).item<bool>();
}

TEST(QuantizedOp, ScalesOfFloat32_BitEqualToMlxQuantize) {
  const mx::array w = random_array({37, 384}, 3, 0.1F);
  for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
    for (const int group : {32, 64, 128}) {
      const Matrix got =
          quantize_matrix(w, type, {group, ScaleType::kFloat32}, nullptr);
      const std::vector<mx::array> want = mx::quantize(
          w, group, bits_of(type), "affine", std::nullopt, cpu_stream());
      EXPECT_TRUE(same_words(got.data, want[0]));
      EXPECT_TRUE(same(*got.affine->scales, want[1]));
      EXPECT_TRUE(same(*got.affine->biases, want[2]));
    }
  }
}

/// What MLX quantised, in any type of scales, goes into tiles and is used
/// without a change of value.
TEST(QuantizedOp, MlxQuantisedMatrices_UsedAsTheyAre) {
  const mx::array x = random_array({3, 384}, 4);
  for (const mx::Dtype dtype : {mx::float32, mx::bfloat16, mx::float16}) {
    const mx::array w = mx::astype(random_array({37, 384}, 3, 0.1F), dtype);
    const auto q = mx::quantize(w, 64, 8, "affine", std::nullopt, cpu_stream());
    ASSERT_EQ(q[1].dtype(), dtype);
    const Matrix rows = affine_matrix(q[0], q[1], q[2], 8, 64);
    EXPECT_EQ(rows.affine->format.scales, dtype == mx::bfloat16
                                              ? ScaleType::kBfloat16
                                              : ScaleType::kFloat32);
    const mx::array want = mx::quantized_matmul(
        x, q[0], mx::astype(q[1], mx::float32), mx::astype(q[2], mx::float32),
        true, 64, 8, "affine", cpu_stream());
    EXPECT_TRUE(close(linear(fused_exec(), x, tiled(rows)), want, 2e-4));
    EXPECT_TRUE(close(linear(composed_exec(), x, rows), want));
  }
}

TEST(QuantizedOp, HostileShapes_InvalidArgument) {
  const mx::array w = random_array({16, 96}, 1);
  const auto message = [](const auto& fn) {
    return error_of(ErrorCode::kInvalidArgument,
                    [&] { static_cast<void>(fn()); });
  };
  const auto quantized = [&](const mx::array& values, WeightType type,
                             int group) {
    return message([&] {
      return quantize_matrix(values, type, {group, ScaleType::kBfloat16},
                             nullptr);
    });
  };
  EXPECT_EQ(quantized(w, WeightType::kInt4, 64),
            "[kernels.quantized] expected a multiple of 64 columns, got 96");
  EXPECT_THAT(quantized(w, WeightType::kInt4, 48), HasSubstr("32, 64 or 128"));
  EXPECT_THAT(quantized(w, WeightType::kInt4, 0), HasSubstr("got 0"));
  EXPECT_THAT(quantized(w, WeightType::kBfloat16, 32),
              HasSubstr("an integer type"));
  EXPECT_THAT(quantized(mx::astype(w, mx::int32), WeightType::kInt4, 32),
              HasSubstr("int32"));

  const mx::array words = mx::zeros({16, 12}, mx::uint32);  // 96 of 4 bits
  const mx::array scales = mx::zeros({16, 3}, mx::float32);
  const auto affine = [&](const mx::array& data, const mx::array& s,
                          const mx::array& b, int bits, int group) {
    return message([&] { return affine_matrix(data, s, b, bits, group); });
  };
  EXPECT_THAT(affine(words, scales, scales, 3, 32), HasSubstr("4 or 8 bits"));
  EXPECT_THAT(affine(words, scales, scales, 4, 64),
              HasSubstr("multiple of 64 columns, got 96"));
  EXPECT_THAT(affine(words, scales, scales, 8, 16),
              HasSubstr("groups of 32, 64 or 128, got 16"));
  EXPECT_THAT(affine(scales, scales, scales, 4, 32), HasSubstr("uint32"));
  EXPECT_THAT(affine(words, words, scales, 4, 32), HasSubstr("scales"));
  EXPECT_THAT(affine(words, scales, mx::zeros({16, 2}), 4, 32),
              HasSubstr("biases of shape [16, 3]"));
}

TEST(QuantizedOp, WrongLayoutOrMemory_InvalidArgument) {
  const Arguments tiles(WeightType::kInt8, {}, true);
  const Arguments rows(WeightType::kInt8, {}, false);
  const auto message = [](const auto& fn) {
    return error_of(ErrorCode::kInvalidArgument,
                    [&] { static_cast<void>(fn()); });
  };
  EXPECT_EQ(message([&] { return linear(fused_exec(), rows.x, rows.a); }),
            "[kernels.linear] expected w in tiles, which CPU kernels take, "
            "got rows");
  EXPECT_THAT(
      message([&] { return linear(composed_exec(), tiles.x, tiles.a); }),
      HasSubstr("expected w in rows"));
  EXPECT_THAT(message([&] { return linear(fused_exec(), tiles.x, tiles.c); }),
              HasSubstr("expected x of shape [n >= 1, 384]"));
  EXPECT_THAT(message([&] {
                return gated_mlp(fused_exec(), tiles.x, tiles.rms, tiles.a,
                                 tiles.c, tiles.c);
              }),
              HasSubstr("expected up of shape [384, 128], got [128, 384]"));
  EXPECT_THAT(
      message([&] { return tile_matrix(rows.a, mx::zeros({5}, mx::uint8)); }),
      HasSubstr("expected memory of"));
  EXPECT_THAT(
      message([&] { return tile_matrix(tiles.a, mx::zeros({5}, mx::uint8)); }),
      HasSubstr("in rows"));
}

}  // namespace
}  // namespace csm::kernels
