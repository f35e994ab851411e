#include "csm/kernels/linear_op.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

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

constexpr int kWidth = 96;
constexpr int kHidden = 200;

/// Arguments of all operations, with float32 or bfloat16 matrices.
struct Arguments : LinearArguments {
  explicit Arguments(bool half) : LinearArguments(kWidth, kHidden) {
    if (half) {
      for (Matrix* m : {&a, &b, &c}) m->data = to_bf16_array(m->data);
    }
  }
};

/// Every operation on the rows x.
std::vector<mx::array> all_operations(const Exec& exec, const Arguments& args,
                                      const mx::array& x) {
  auto ys = linear_operations(exec, args, x, {args.a, args.b, args.a});
  ys.push_back(normalize(exec, x, args.rms));
  ys.push_back(normalize(exec, x, args.layer));
  return ys;
}

TEST(LinearOp, FusedAgainstComposed_Close) {
  ThreadPool pool(2);
  for (bool half : {false, true}) {
    const Arguments args(half);
    const auto got = all_operations(fused_exec(&pool), args, args.x);
    const auto want = all_operations(composed_exec(), args, args.x);
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t i = 0; i < got.size(); ++i) {
      EXPECT_TRUE(close(got[i], want[i])) << "operation " << i;
    }
  }
}

TEST(LinearOp, RowAloneAndAnyPool_BitEqual) {
  const Arguments args(true);
  expect_rows_independent(args.x, [&](const Exec& exec, const mx::array& x) {
    return all_operations(exec, args, x);
  });
}

TEST(LinearOp, StridedInputs_SameAsDense) {
  const Arguments args(true);
  const mx::Stream s = cpu_stream();
  const mx::array tall = mx::contiguous(mx::transpose(args.x, s), false, s);
  const mx::array strided = mx::transpose(tall, s);
  Arguments transposed(true);
  transposed.a.data =
      mx::transpose(mx::contiguous(mx::transpose(args.a.data, s), false, s), s);
  const auto want = all_operations(fused_exec(), args, args.x);
  const auto got = all_operations(fused_exec(), transposed, strided);
  ASSERT_FALSE(strided.flags().row_contiguous && strided.is_available());
  for (std::size_t i = 0; i < got.size(); ++i) {
    EXPECT_TRUE(same(got[i], want[i])) << "operation " << i;
  }
}

TEST(LinearOp, LongLazyChain_EvaluatedAtOnce) {
  ThreadPool pool(2);
  const Arguments args(false);
  mx::array lazy = args.x;
  mx::array stepwise = args.x;
  for (int i = 0; i < 40; ++i) {
    lazy = normalize(
        fused_exec(&pool),
        gated_mlp(fused_exec(&pool), lazy, args.rms, args.a, args.b, args.c),
        args.rms);
    stepwise = normalize(
        fused_exec(),
        gated_mlp(fused_exec(), stepwise, args.rms, args.a, args.b, args.c),
        args.rms);
    stepwise.eval();
  }
  EXPECT_TRUE(same(lazy, stepwise));
}

TEST(LinearOp, NoMatrices_NoOutputs) {
  const Arguments args(false);
  EXPECT_TRUE(norm_linear(fused_exec(), args.x, args.rms, {}).empty());
}

TEST(LinearOp, WrongShapesAndTypes_InvalidArgument) {
  const Arguments args(false);
  const Exec exec = fused_exec();
  const mx::array narrow = random_array({2, 5}, 1);
  const auto message = [](const auto& fn) {
    return error_of(ErrorCode::kInvalidArgument,
                    [&] { static_cast<void>(fn()); });
  };
  EXPECT_EQ(message([&] { return linear(exec, narrow, args.a); }),
            "[kernels.linear] expected x of shape [n >= 1, 96] and type "
            "float32, got [2, 5] float32");
  EXPECT_THAT(
      message([&] { return linear(exec, to_bf16_array(args.x), args.a); }),
      HasSubstr("got [7, 96] bfloat16"));
  EXPECT_THAT(message([&] {
                return linear(exec, args.x,
                              {mx::astype(args.a.data, mx::float16)});
              }),
              HasSubstr("float32 or bfloat16, got [200, 96] float16"));
  EXPECT_THAT(message([&] {
                return linear_residual(exec, args.x, args.a, args.x,
                                       std::nullopt);
              }),
              HasSubstr("expected residual of shape [7, 200]"));
  EXPECT_THAT(message([&] {
                return linear_residual(exec, args.x, args.a,
                                       random_array({7, kHidden}, 1),
                                       args.scale);
              }),
              HasSubstr("expected scale of shape [200]"));
  EXPECT_THAT(message([&] { return normalize(exec, narrow, args.rms); }),
              HasSubstr("expected norm.gain of shape [5]"));
  EXPECT_THAT(message([&] {
                return normalize(exec, args.x,
                                 {args.rms.gain, std::nullopt, -1.0F});
              }),
              HasSubstr("expected norm.eps >= 0, got -1"));
  EXPECT_THAT(message([&] {
                return norm_linear(exec, args.x, args.rms, {args.a, args.c});
              }),
              HasSubstr("expected w of shape [n >= 1, 96]"));
  EXPECT_THAT(message([&] {
                return gated_mlp(exec, args.x, args.rms, args.a, args.c,
                                 args.c);
              }),
              HasSubstr("expected up of shape [200, 96]"));
  EXPECT_THAT(message([&] {
                return gelu_mlp(exec, args.x, args.rms, args.a, args.a,
                                args.scale);
              }),
              HasSubstr("expected fc2 of shape [96, 200]"));
}

}  // namespace
}  // namespace csm::kernels
