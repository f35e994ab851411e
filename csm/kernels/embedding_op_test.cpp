#include "csm/kernels/embedding_op.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/kernels/testing_op.h"

namespace csm::kernels {
namespace {

using testing::close;
using testing::composed_exec;
using testing::cpu_stream;
using testing::error_of;
using testing::fused_exec;
using ::testing::HasSubstr;
using testing::random_array;
using testing::same;
using testing::to_bf16_array;
using testing::values_of;

constexpr int kColumns = 32;
constexpr int kStride = 51;

mx::array random_ids(int n_rows) {
  std::vector<int> ids;
  for (int i = 0; i < n_rows * kColumns; ++i) ids.push_back(i * 29 % kStride);
  return mx::array(ids.begin(), {n_rows, kColumns});
}

TEST(EmbeddingOp, FusedAgainstComposed_Close) {
  ThreadPool pool(2);
  const mx::array table = random_array({kColumns * kStride, 40}, 1);
  for (const mx::array& t : {table, to_bf16_array(table)}) {
    EXPECT_TRUE(
        close(embedding_sum(fused_exec(&pool), t, random_ids(50), kStride),
              embedding_sum(composed_exec(), t, random_ids(50), kStride)));
  }
}

TEST(EmbeddingOp, RowAloneAndThreads_BitEqual) {
  ThreadPool pool(3);
  const mx::array table = random_array({kColumns * kStride, 40}, 1);
  const mx::array ids = random_ids(50);
  const mx::array all = embedding_sum(fused_exec(), table, ids, kStride);
  EXPECT_TRUE(same(embedding_sum(fused_exec(&pool), table, ids, kStride), all));
  const mx::array one = mx::slice(ids, {7, 0}, {8, kColumns}, cpu_stream());
  EXPECT_TRUE(same(embedding_sum(fused_exec(), table, one, kStride),
                   mx::slice(all, {7, 0}, {8, 40}, cpu_stream())));
}

TEST(EmbeddingOp, RowOutsideTheTable_NanThereOnly) {
  const mx::array table = random_array({10, 4}, 1);
  const std::vector<int> numbers = {3, 10, -1, 9};
  const mx::array ids(numbers.begin(), {4, 1});
  for (const Exec& exec : {fused_exec(), composed_exec()}) {
    const auto y = values_of(embedding_sum(exec, table, ids, 0));
    for (std::size_t d = 0; d < 4; ++d) {
      EXPECT_FALSE(std::isnan(y[d]));
      EXPECT_TRUE(std::isnan(y[4 + d]));
      EXPECT_TRUE(std::isnan(y[8 + d]));
      EXPECT_FALSE(std::isnan(y[12 + d]));
    }
  }
}

TEST(EmbeddingOp, WrongTypes_InvalidArgument) {
  const mx::array table = random_array({10, 4}, 1);
  const auto message = [&](const mx::array& t, const mx::array& ids,
                           int stride) {
    return error_of(ErrorCode::kInvalidArgument, [&] {
      static_cast<void>(embedding_sum(fused_exec(), t, ids, stride));
    });
  };
  EXPECT_THAT(message(table, table, 0), HasSubstr("ids of shape"));
  EXPECT_THAT(message(random_ids(2), random_ids(2), 0),
              HasSubstr("table of shape"));
  EXPECT_THAT(message(table, random_ids(2), -1),
              HasSubstr("column_stride >= 0, got -1"));
}

}  // namespace
}  // namespace csm::kernels
