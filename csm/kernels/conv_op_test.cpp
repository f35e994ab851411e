#include "csm/kernels/conv_op.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
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

constexpr int kRows = 24;

mx::array rows(const mx::array& x, int from, int to) {
  return mx::slice(x, {from, 0}, {to, x.shape(1)}, cpu_stream());
}

mx::array silence(int n_rows, int width) {
  return mx::zeros({n_rows, width}, mx::float32, cpu_stream());
}

using Step = std::function<ConvResult(const mx::array& x,
                                      const mx::array& state, int from)>;

/// Runs a layer over x in chunks of n rows.
ConvResult run(const Step& step, const mx::array& x, mx::array state, int n) {
  std::vector<mx::array> ys;
  for (int from = 0; from < x.shape(0); from += n) {
    const ConvResult r =
        step(rows(x, from, std::min(x.shape(0), from + n)), state, from);
    ys.push_back(r.y);
    state = r.state;
  }
  return {mx::concatenate(ys, 0, cpu_stream()), state};
}

/// Composed against fused, and fused in any chunks against itself.
void check_layer(const std::function<Step(const Exec&)>& layer,
                 const mx::array& x, const mx::array& state) {
  ThreadPool pool(2);
  const ConvResult whole = run(layer(fused_exec(&pool)), x, state, kRows);
  for (int n : {kRows, 4}) {
    const ConvResult want = run(layer(composed_exec()), x, state, n);
    EXPECT_TRUE(close(whole.y, want.y)) << n;
    EXPECT_TRUE(same(whole.state, want.state)) << n;
  }
  for (int n : {4, 8, 12, 20}) {
    const ConvResult got = run(layer(fused_exec()), x, state, n);
    EXPECT_TRUE(same(got.y, whole.y)) << n;
    EXPECT_TRUE(same(got.state, whole.state)) << n;
  }
}

Conv make_conv(int n_in, int n_out, int kernel, int stride, int dilation,
               bool elu_input) {
  return {.weight = random_array({n_out, kernel * n_in}, 2, 0.3F),
          .bias = random_array({n_out}, 3),
          .kernel = kernel,
          .stride = stride,
          .dilation = dilation,
          .elu_input = elu_input};
}

TEST(ConvOp, Conv1d_FusedAgainstComposedAndChunked) {
  for (const Conv& conv :
       {make_conv(6, 10, 7, 1, 1, false), make_conv(6, 10, 3, 1, 1, true),
        make_conv(6, 10, 8, 4, 1, true), make_conv(6, 10, 3, 1, 2, true),
        make_conv(6, 10, 1, 1, 1, true)}) {
    const mx::array residual = random_array({kRows / conv.stride, 10}, 4);
    for (bool add : {false, true}) {
      const auto layer = [&](const Exec& exec) -> Step {
        return [&, exec](const mx::array& x, const mx::array& state, int from) {
          std::optional<mx::array> part;
          if (add) {
            part = rows(residual, from / conv.stride,
                        (from + x.shape(0)) / conv.stride);
          }
          return conv1d(exec, x, state, conv, part);
        };
      };
      check_layer(layer, random_array({kRows, 6}, 5),
                  silence(conv.state_rows(), 6));
    }
  }
}

TEST(ConvOp, ConvTranspose1d_FusedAgainstComposedAndChunked) {
  for (bool elu_input : {false, true}) {
    const ConvTranspose conv{.weight = random_array({5 * 7, 2 * 6}, 2),
                             .bias = random_array({7}, 3),
                             .stride = 5,
                             .elu_input = elu_input};
    const auto layer = [&](const Exec& exec) -> Step {
      return [&, exec](const mx::array& x, const mx::array& state, int) {
        return conv_transpose1d(exec, x, state, conv);
      };
    };
    check_layer(layer, random_array({kRows, 6}, 5), silence(1, 6));
  }
}

TEST(ConvOp, UpsampleDepthwise_FusedAgainstComposedAndChunked) {
  const mx::array weight = random_array({6, 4}, 2);
  const auto layer = [&](const Exec& exec) -> Step {
    return [&, exec](const mx::array& x, const mx::array& state, int) {
      return upsample_depthwise(exec, x, state, weight, 2);
    };
  };
  check_layer(layer, random_array({kRows, 6}, 5), silence(1, 6));
}

TEST(ConvOp, TransposeAgainstMlx_WeightLayoutIsAsDocumented) {
  const int stride = 4;
  const mx::Stream s = cpu_stream();
  const mx::array kernel = random_array({6, 7, 2 * stride}, 1);  // PyTorch's
  const auto half = [&](int from) {  // [6, 7, s] -> [s*7, 6]
    const mx::array part =
        mx::slice(kernel, {0, 0, from}, {6, 7, from + stride}, s);
    return mx::reshape(mx::transpose(part, {2, 1, 0}, s), {stride * 7, 6}, s);
  };
  const ConvTranspose conv{
      .weight = mx::concatenate({half(stride), half(0)}, 1, s),
      .bias = std::nullopt,
      .stride = stride,
      .elu_input = false};
  const mx::array x = random_array({kRows, 6}, 5);
  const mx::array full =
      mx::squeeze(mx::conv_transpose1d(mx::expand_dims(x, 0, s),
                                       mx::transpose(kernel, {1, 2, 0}, s),
                                       stride, 0, 1, 0, 1, s),
                  0, s);
  EXPECT_TRUE(close(conv_transpose1d(fused_exec(), x, silence(1, 6), conv).y,
                    rows(full, 0, kRows * stride)));
}

TEST(ConvOp, WrongArguments_InvalidArgument) {
  const mx::array x = random_array({kRows, 6}, 1);
  const auto message = [](const auto& fn) {
    return error_of(ErrorCode::kInvalidArgument,
                    [&] { static_cast<void>(fn()); });
  };
  const auto run_conv = [&](const Conv& conv, const mx::array& state) {
    return message(
        [&] { return conv1d(fused_exec(), x, state, conv, std::nullopt); });
  };
  EXPECT_THAT(run_conv(make_conv(6, 4, 3, 1, 1, true), silence(3, 6)),
              HasSubstr("expected state of shape [2, 6]"));
  EXPECT_THAT(run_conv(make_conv(5, 4, 3, 1, 1, true), silence(2, 6)),
              HasSubstr("expected weight of shape [n >= 1, 18]"));
  EXPECT_THAT(run_conv(make_conv(6, 4, 7, 5, 1, true), silence(2, 6)),
              HasSubstr("multiples of the stride 5, got 24"));
  EXPECT_THAT(run_conv(make_conv(6, 4, 2, 4, 1, true), silence(1, 6)),
              HasSubstr("(kernel-1)*dilation + 1 - stride >= 0, got -2"));
  EXPECT_THAT(message([&] {
                return conv1d(fused_exec(), x, silence(2, 6),
                              make_conv(6, 4, 3, 1, 1, true), x);
              }),
              HasSubstr("expected residual of shape [24, 4]"));
  EXPECT_THAT(message([&] {
                return conv_transpose1d(
                    fused_exec(), x, silence(1, 6),
                    {random_array({7, 12}, 1), std::nullopt, 2, false});
              }),
              HasSubstr("multiples of the stride 2, got 7"));
  EXPECT_THAT(message([&] {
                return upsample_depthwise(fused_exec(), x, silence(1, 6),
                                          random_array({6, 3}, 1), 2);
              }),
              HasSubstr("expected weight of shape [6, 4]"));
}

}  // namespace
}  // namespace csm::kernels
