#include "csm/kernels/rows_op.h"

#include <gtest/gtest.h>

#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/kernels/attention_op.h"
#include "csm/kernels/conv_op.h"
#include "csm/kernels/embedding_op.h"
#include "csm/kernels/testing_linear.h"
#include "csm/kernels/testing_op.h"

// Rows taken apart and put together, and operations that run at once: the same
// arrays as those of the lazy graph.
namespace csm::kernels {
namespace {

using testing::composed_exec;
using testing::cpu_stream;
using testing::fused_exec;
using testing::random_array;
using testing::same;

Exec eager_exec(ThreadPool* pool = nullptr) {
  Exec exec = fused_exec(pool);
  exec.eager = true;
  return exec;
}

TEST(RowsOp, EagerZeros_LieInMemoryOfTheirOwn) {
  const mx::array x = zeros(eager_exec(), {2, 3, 4});
  const mx::array y = zeros(eager_exec(), {2, 3, 4});
  EXPECT_TRUE(x.is_available());
  EXPECT_NE(x.data<float>(), y.data<float>());
  EXPECT_TRUE(same(x, mx::zeros({2, 3, 4}, mx::float32, cpu_stream())));
  EXPECT_FALSE(zeros(fused_exec(nullptr), {2, 3, 4}).is_available());
}

TEST(RowsOp, Eager_SameAsMlxAndAvailable) {
  const mx::array x = random_array({6, 5}, 1);
  const mx::array y = random_array({2, 5}, 2);
  const Exec exec = eager_exec();
  const mx::array part = slice_rows(exec, x, 2, 5);
  EXPECT_TRUE(part.is_available());
  EXPECT_TRUE(same(part, mx::slice(x, {2, 0}, {5, 5}, cpu_stream())));
  // A view of a view, and arithmetic on it.
  const mx::array inner = slice_rows(exec, part, 1, 2);
  EXPECT_TRUE(same(mx::add(inner, inner, cpu_stream()),
                   mx::multiply(mx::slice(x, {3, 0}, {4, 5}, cpu_stream()),
                                mx::array(2.0F), cpu_stream())));
  const mx::array joined = join_rows(exec, {part, y, inner});
  EXPECT_TRUE(joined.is_available());
  EXPECT_TRUE(same(joined, mx::concatenate({part, y, inner}, 0, cpu_stream())));
  const mx::array turned = reshaped(exec, part, {5, 3});
  EXPECT_TRUE(turned.is_available());
  EXPECT_TRUE(same(turned, mx::reshape(part, {5, 3}, cpu_stream())));
  const std::vector<mx::array> thirds = split_rows(exec, x, 3);
  ASSERT_EQ(thirds.size(), 3U);
  EXPECT_TRUE(same(thirds[1], mx::slice(x, {2, 0}, {4, 5}, cpu_stream())));
}

TEST(RowsOp, JoinColumns_EveryType) {
  const mx::array a = mx::array({1, 2, 3}, {3, 1}, mx::int32);
  const mx::array b = mx::array({7, 8, 9}, {3, 1}, mx::int32);
  for (const Exec& exec : {eager_exec(), fused_exec(), composed_exec()}) {
    mx::array joined = join_columns(exec, {a, b});
    joined.eval();
    EXPECT_EQ(joined.shape(), mx::Shape({3, 2}));
    mx::array dense = mx::contiguous(joined, false, cpu_stream());
    dense.eval();
    const auto* values = dense.data<std::int32_t>();
    EXPECT_EQ(std::vector<std::int32_t>(values, values + 6),
              std::vector<std::int32_t>({1, 7, 2, 8, 3, 9}));
  }
}

TEST(RowsOp, LazyInput_IsEvaluatedFirst) {
  const mx::array x = random_array({4, 3}, 3);
  const mx::array lazy = mx::add(x, x, cpu_stream());
  const mx::array part = slice_rows(eager_exec(), lazy, 1, 3);
  EXPECT_TRUE(part.is_available());
  EXPECT_TRUE(same(part, mx::slice(mx::add(x, x, cpu_stream()), {1, 0}, {3, 3},
                                   cpu_stream())));
}

TEST(Eager, LinearOperations_SameAsLazy) {
  const testing::LinearArguments args(96, 160);
  ThreadPool pool(3);
  const auto lazy =
      linear_operations(fused_exec(), args, args.x, {args.a, args.b});
  const auto eager =
      linear_operations(eager_exec(&pool), args, args.x, {args.a, args.b});
  ASSERT_EQ(lazy.size(), eager.size());
  for (std::size_t i = 0; i < lazy.size(); ++i) {
    EXPECT_TRUE(eager[i].is_available()) << i;
    EXPECT_TRUE(same(eager[i], lazy[i])) << i;
  }
}

TEST(Eager, TransposedInput_IsCopied) {
  const mx::array w = random_array({8, 12}, 5);
  const mx::array x =
      mx::transpose(random_array({12, 3}, 4), {1, 0}, cpu_stream());
  const mx::array lazy = linear(fused_exec(), x, {w});
  EXPECT_TRUE(same(linear(eager_exec(), x, {w}), lazy));
}

TEST(Eager, Attention_TakesOverCachesThatNobodyHolds) {
  const AttentionShape shape{.n_heads = 4, .n_kv_heads = 2, .head_dim = 8};
  const mx::array q = random_array({3, 32}, 6);
  const mx::array k = random_array({3, 16}, 7);
  const mx::array v = random_array({3, 16}, 8);
  const mx::array inv_freq = random_array({4}, 9);
  const auto run = [&](const Exec& exec, mx::array keys, mx::array values) {
    return attention(exec, q, k, v, std::move(keys), std::move(values), 2,
                     inv_freq, shape);
  };
  const mx::array keys = random_array({2, 6, 8}, 10);
  const mx::array values = random_array({2, 6, 8}, 11);
  AttentionResult lazy = run(fused_exec(), keys, values);
  mx::eval({lazy.out, lazy.k_cache, lazy.v_cache});
  const AttentionResult eager = run(eager_exec(), keys, values);
  EXPECT_TRUE(same(eager.out, lazy.out));
  EXPECT_TRUE(same(eager.k_cache, lazy.k_cache));
  EXPECT_TRUE(same(eager.v_cache, lazy.v_cache));
  // Held by this test, the caches were copied; given away, they are written.
  EXPECT_TRUE(same(keys, random_array({2, 6, 8}, 10)));
  mx::array given = random_array({2, 6, 8}, 10);
  const float* memory = given.data<float>();
  const AttentionResult owner =
      run(eager_exec(), std::move(given), random_array({2, 6, 8}, 11));
  EXPECT_EQ(owner.k_cache.data<float>(), memory);
  EXPECT_TRUE(same(owner.out, lazy.out));
}

TEST(CodebookRows, EveryForm_RowsOfCodesOrNone) {
  const mx::array codes =
      mx::array({0, 4, 5, 3, -1, 2, 1, 9, 0}, {3, 3}, mx::int32);
  const CodebookColumns columns{
      .first = 1, .last = 3, .n_entries = 5, .no_row = 99};
  for (const Exec& exec : {eager_exec(), fused_exec(), composed_exec()}) {
    mx::array rows = mx::contiguous(codebook_rows(exec, codes, columns), false,
                                    cpu_stream());
    rows.eval();
    const auto* at = rows.data<std::int32_t>();
    EXPECT_EQ(std::vector<std::int32_t>(at, at + 6),
              std::vector<std::int32_t>({9, 99, 99, 12, 99, 10}));
  }
}

}  // namespace
}  // namespace csm::kernels
