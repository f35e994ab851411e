#include "csm/kernels/embedding.h"

#include <gtest/gtest.h>

#include <vector>

#include "csm/kernels/kernel_testing.h"

namespace csm::kernels {
namespace {

using testing::bits_equal;
using testing::Guarded;
using testing::random_floats;
using testing::to_bf16;
using testing::to_float;

constexpr std::int64_t kWidth = 21;
constexpr std::int64_t kRows = 15;  // 3 columns of 5

TEST(EmbeddingSum, BothTypes_ColumnsAddedInOrder) {
  std::vector<float> table = random_floats(kWidth * kRows, 1);
  const std::vector<Bf16> half = to_bf16(table);
  for (std::size_t i = 0; i < table.size(); ++i) table[i] = to_float(half[i]);
  const std::int32_t ids[] = {0, 4, 2, 3, 0, 4};
  std::vector<float> want;
  for (int n = 0; n < 2; ++n) {
    for (int d = 0; d < kWidth; ++d) {
      const auto at = [&](int c) {
        const std::int64_t row = c * 5 + ids[n * 3 + c];
        return table[static_cast<std::size_t>(row * kWidth + d)];
      };
      want.push_back((at(0) + at(1)) + at(2));
    }
  }
  for (const WeightType type : {WeightType::kFloat32, WeightType::kBfloat16}) {
    Guarded got(2 * kWidth);
    const void* data = type == WeightType::kFloat32
                           ? static_cast<const void*>(table.data())
                           : static_cast<const void*>(half.data());
    embedding_sum_rows({.table = data,
                        .type = type,
                        .n_table_rows = kRows,
                        .width = kWidth,
                        .ids = ids,
                        .n_rows = 2,
                        .n_columns = 3,
                        .column_stride = 5,
                        .y = got.data()},
                       Range{0, 2});
    EXPECT_TRUE(bits_equal(got.values(), want));
    EXPECT_TRUE(got.intact());
  }
}

TEST(EmbeddingSum, RowOutsideTheTable_NanInThatRowOnly) {
  const std::vector<float> table = random_floats(kWidth * kRows, 2);
  for (std::int32_t bad : {-1, 15, std::numeric_limits<std::int32_t>::max(),
                           std::numeric_limits<std::int32_t>::min()}) {
    const std::int32_t ids[] = {1, bad, 2};
    Guarded got(3 * kWidth);
    embedding_sum_rows({.table = table.data(),
                        .type = WeightType::kFloat32,
                        .n_table_rows = kRows,
                        .width = kWidth,
                        .ids = ids,
                        .n_rows = 3,
                        .n_columns = 1,
                        .column_stride = 0,
                        .y = got.data()},
                       Range{0, 3});
    for (std::size_t d = 0; d < kWidth; ++d) {
      EXPECT_EQ(got.values()[d], table[kWidth + d]);
      EXPECT_TRUE(std::isnan(got.values()[kWidth + d]));
      EXPECT_EQ(got.values()[2 * kWidth + d], table[2 * kWidth + d]);
    }
    EXPECT_TRUE(got.intact());
  }
}

}  // namespace
}  // namespace csm::kernels
