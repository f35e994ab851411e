#include "csm/kernels/conv.h"

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

using Floats = std::vector<float>;

std::size_t size(std::int64_t n) { return static_cast<std::size_t>(n); }

double elu_exact(float x) {
  const auto d = static_cast<double>(x);
  return d > 0 ? d : std::expm1(d);
}

/// A causal convolution with its weights, run over any cut of a signal.
struct ConvCase {
  std::int64_t n_in, n_out, kernel, stride, dilation;
  bool elu_input;

  [[nodiscard]] CausalConv sizes() const {
    CausalConv conv;
    conv.n_in = n_in;
    conv.n_out = n_out;
    conv.kernel = kernel;
    conv.stride = stride;
    conv.dilation = dilation;
    conv.elu_input = elu_input;
    return conv;
  }
  [[nodiscard]] Floats weight() const {
    return random_floats(size(n_out * kernel * n_in), 2);
  }
  [[nodiscard]] Floats bias() const { return random_floats(size(n_out), 3); }
  [[nodiscard]] Floats input(std::int64_t n_rows) const {
    return random_floats(size(n_rows * n_in), 4);
  }
  [[nodiscard]] Floats residual(std::int64_t n_rows) const {
    return random_floats(size(n_rows / stride * n_out), 5);
  }

  /// The whole output when x is given in chunks of these many rows.
  [[nodiscard]] Floats run(const std::vector<std::int64_t>& chunks, Isa isa,
                           ThreadPool* pool = nullptr) const {
    std::int64_t total = 0;
    for (std::int64_t n : chunks) total += n;
    const Floats w = weight();
    const Floats b = bias();
    const Floats x = input(total);
    const Floats r = residual(total);
    CausalConv conv = sizes();
    Floats state(size(conv.state_rows() * n_in), 0.0F);
    Floats result;
    std::int64_t row = 0;
    for (std::int64_t n : chunks) {
      conv.n_rows = n;
      conv.x = x.data() + row * n_in;
      conv.state = state.data();
      conv.weight.data = w.data();
      conv.bias = b.data();
      conv.residual = r.data() + row / stride * n_out;
      Guarded y(size(n / stride * n_out));
      Guarded new_state(state.size());
      Guarded scratch(conv_scratch(conv));
      conv.y = y.data();
      conv.new_state = new_state.data();
      run_conv(conv, scratch.data(), pool, isa);
      EXPECT_TRUE(y.intact() && new_state.intact() && scratch.intact());
      result.insert(result.end(), y.values().begin(), y.values().end());
      state.assign(new_state.values().begin(), new_state.values().end());
      row += n;
    }
    return result;
  }
};

const ConvCase kConvCases[] = {
    {5, 3, 7, 1, 1, false},  // first
    {16, 8, 3, 1, 1, true},  // residual block
    {8, 16, 1, 1, 1, true},  // pointwise
    {8, 5, 1, 1, 1, false},  // pointwise without a copy of the input
    {6, 7, 8, 4, 1, true},   // strided
    {4, 4, 3, 1, 2, true},   // dilated
    {4, 3, 4, 2, 3, false},  // dilated and strided
    {20, 1, 3, 1, 1, true},  // last
};

TEST(CausalConv, AgainstDoubles_Close) {
  for (const ConvCase& c : kConvCases) {
    const std::int64_t total = 12;
    const Floats w = c.weight();
    const Floats b = c.bias();
    const Floats x = c.input(total);
    const Floats r = c.residual(total);
    const Floats y = c.run({total}, kernel_isa());
    for (std::int64_t t = 0; t < total / c.stride; ++t) {
      for (std::int64_t o = 0; o < c.n_out; ++o) {
        double want = static_cast<double>(b[size(o)]);
        for (std::int64_t tap = 0; tap < c.kernel; ++tap) {
          const std::int64_t row =
              t * c.stride + tap * c.dilation - c.sizes().state_rows();
          for (std::int64_t i = 0; row >= 0 && i < c.n_in; ++i) {
            const float v = x[size(row * c.n_in + i)];
            want +=
                (c.elu_input ? elu_exact(v) : static_cast<double>(v)) *
                static_cast<double>(w[size((o * c.kernel + tap) * c.n_in + i)]);
          }
        }
        const std::size_t at = size(t * c.n_out + o);
        want += static_cast<double>(r[at]);
        EXPECT_NEAR(static_cast<double>(y[at]), want, 2e-5);
      }
    }
  }
}

TEST(CausalConv, AnyChunksIsasThreads_BitEqual) {
  for (const ConvCase& c : kConvCases) {
    const std::int64_t s = c.stride;
    const Floats want = c.run({12 * s}, Isa::kScalar);
    ThreadPool pool(3);
    for (const Isa isa : available_isas()) {
      EXPECT_TRUE(bits_equal(c.run({12 * s}, isa, &pool), want));
      EXPECT_TRUE(bits_equal(c.run({s, s, 10 * s}, isa), want));
      EXPECT_TRUE(bits_equal(c.run({5 * s, 7 * s}, isa, &pool), want));
      EXPECT_TRUE(
          bits_equal(c.run(std::vector<std::int64_t>(12, s), isa), want))
          << to_string(isa);
    }
  }
}

/// A transposed convolution over any cut of a signal.
Floats run_transpose(const std::vector<std::int64_t>& chunks, bool elu_input,
                     Isa isa, ThreadPool* pool = nullptr) {
  CausalConvTranspose conv;
  conv.n_in = 10;
  conv.n_out = 7;
  conv.stride = 5;
  conv.elu_input = elu_input;
  const Floats w = random_floats(5 * 7 * 20, 2);
  const Floats b = random_floats(7, 3);
  const Floats x = random_floats(10 * 12, 4);
  Floats state(10, 0.0F);
  Floats result;
  conv.x = x.data();
  for (std::int64_t n : chunks) {
    conv.n_rows = n;
    conv.state = state.data();
    conv.weight.data = w.data();
    conv.bias = b.data();
    Guarded y(size(n * 5 * 7));
    Guarded new_state(10);
    Guarded scratch(conv_scratch(conv));
    conv.y = y.data();
    conv.new_state = new_state.data();
    run_conv(conv, scratch.data(), pool, isa);
    EXPECT_TRUE(y.intact() && new_state.intact() && scratch.intact());
    result.insert(result.end(), y.values().begin(), y.values().end());
    state.assign(new_state.values().begin(), new_state.values().end());
    conv.x += n * 10;
  }
  return result;
}

TEST(CausalConvTranspose, AgainstDoubles_Close) {
  const Floats w = random_floats(5 * 7 * 20, 2);
  const Floats b = random_floats(7, 3);
  const Floats x = random_floats(10 * 12, 4);
  const Floats y = run_transpose({12}, true, kernel_isa());
  // Scatter: input t adds to samples [5t, 5t + 10).
  std::vector<double> want(12 * 5 * 7 + 5 * 7, 0.0);
  for (std::size_t t = 0; t < 12; ++t) {
    for (std::size_t tap = 0; tap < 10; ++tap) {
      for (std::size_t o = 0; o < 7; ++o) {
        for (std::size_t i = 0; i < 10; ++i) {
          const std::size_t column = tap < 5 ? 10 + i : i;
          want[(t * 5 + tap) * 7 + o] +=
              elu_exact(x[t * 10 + i]) *
              static_cast<double>(w[((tap % 5) * 7 + o) * 20 + column]);
        }
      }
    }
  }
  for (std::size_t i = 0; i < y.size(); ++i) {
    EXPECT_NEAR(static_cast<double>(y[i]),
                want[i] + static_cast<double>(b[i % 7]), 1e-5);
  }
}

TEST(CausalConvTranspose, AnyChunksIsasThreads_BitEqual) {
  ThreadPool pool(2);
  for (bool elu_input : {false, true}) {
    const Floats want = run_transpose({12}, elu_input, Isa::kScalar);
    for (const Isa isa : available_isas()) {
      EXPECT_TRUE(bits_equal(run_transpose({12}, elu_input, isa, &pool), want));
      EXPECT_TRUE(bits_equal(run_transpose({1, 4, 7}, elu_input, isa), want));
      EXPECT_TRUE(bits_equal(
          run_transpose(std::vector<std::int64_t>(12, 1), elu_input, isa),
          want));
    }
  }
}

TEST(DepthwiseUpsample, AnyChunks_BitEqualAndAsScattered) {
  const Floats w = random_floats(6 * 4, 1);
  const Floats x = random_floats(6 * 9, 2);
  const auto run = [&](const std::vector<std::int64_t>& chunks) {
    Floats state(6, 0.0F);
    Floats result;
    std::int64_t row = 0;
    for (std::int64_t n : chunks) {
      Guarded y(size(n * 2 * 6));
      Guarded new_state(6);
      run_upsample({.x = x.data() + row * 6,
                    .state = state.data(),
                    .weight = w.data(),
                    .n_rows = n,
                    .width = 6,
                    .stride = 2,
                    .y = y.data(),
                    .new_state = new_state.data()});
      EXPECT_TRUE(y.intact() && new_state.intact());
      result.insert(result.end(), y.values().begin(), y.values().end());
      state.assign(new_state.values().begin(), new_state.values().end());
      row += n;
    }
    return result;
  };
  const Floats y = run({9});
  for (std::size_t n = 0; n < 18; ++n) {
    for (std::size_t c = 0; c < 6; ++c) {
      const std::size_t t = n / 2;
      float want = x[t * 6 + c] * w[c * 4 + n % 2];
      if (t > 0) {
        want = x[(t - 1) * 6 + c] * w[c * 4 + n % 2 + 2] + want;
      }
      EXPECT_EQ(y[n * 6 + c], want);
    }
  }
  EXPECT_TRUE(bits_equal(run({1, 1, 3, 4}), y));
}

}  // namespace
}  // namespace csm::kernels
