#include "csm/kernels/mlp.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/kernels/affine_testing.h"
#include "csm/kernels/kernel_testing.h"

namespace csm::kernels {
namespace {

using testing::AffineForm;
using testing::AffineMatrix;
using testing::all_affine_forms;
using testing::bits_equal;
using testing::Guarded;
using testing::random_floats;
using testing::vector_isas;

constexpr std::int64_t kWidth = 72;
constexpr std::int64_t kHidden = 301;
constexpr std::int64_t kRows = 230;  // the hidden layer comes in pieces

/// Weights of both blocks; the gated one has no norm bias.
struct Weights {
  std::vector<float> x = random_floats(kRows * kWidth, 1);
  std::vector<float> gain = random_floats(kWidth, 2);
  std::vector<float> bias = random_floats(kWidth, 3);
  std::vector<float> first = random_floats(kHidden * kWidth, 4, 0.2F);
  std::vector<float> up = random_floats(kHidden * kWidth, 5, 0.2F);
  std::vector<float> last = random_floats(kHidden * kWidth, 6, 0.1F);
  std::vector<float> scale = random_floats(kWidth, 7);

  [[nodiscard]] GatedMlp gated(std::int64_t row, std::int64_t n,
                               float* y) const {
    return {.x = x.data() + row * kWidth,
            .n_rows = n,
            .hidden = kHidden,
            .norm = {gain.data(), nullptr, 1e-5F, kWidth},
            .gate = {first.data()},
            .up = {up.data()},
            .down = {last.data()},
            .y = y};
  }

  [[nodiscard]] GeluMlp gelu(std::int64_t row, std::int64_t n, float* y) const {
    return {.x = x.data() + row * kWidth,
            .n_rows = n,
            .hidden = kHidden,
            .norm = {gain.data(), bias.data(), 1e-5F, kWidth},
            .fc1 = {first.data()},
            .fc2 = {last.data()},
            .layer_scale = scale.data(),
            .y = y};
  }
};

template <class Mlp>
void run(const Mlp& mlp, ThreadPool* pool, Isa isa) {
  Guarded scratch(mlp_scratch(mlp));
  run_mlp(mlp, scratch.data(), pool, isa);
  EXPECT_TRUE(scratch.intact());
}

TEST(Mlp, AllIsas_BitEqualToScalar) {
  const Weights w;
  Guarded gated(kRows * kWidth);
  Guarded gelu(kRows * kWidth);
  run(w.gated(0, kRows, gated.data()), nullptr, Isa::kScalar);
  run(w.gelu(0, kRows, gelu.data()), nullptr, Isa::kScalar);
  for (const Isa isa : vector_isas()) {
    Guarded got(kRows * kWidth);
    run(w.gated(0, kRows, got.data()), nullptr, isa);
    EXPECT_TRUE(bits_equal(got.values(), gated.values())) << to_string(isa);
    run(w.gelu(0, kRows, got.data()), nullptr, isa);
    EXPECT_TRUE(bits_equal(got.values(), gelu.values())) << to_string(isa);
    EXPECT_TRUE(got.intact());
  }
}

TEST(Mlp, AnyThreadsAndRows_SameAsOneByOne) {
  const Weights w;
  std::vector<float> gated(kRows * kWidth);
  std::vector<float> gelu(kRows * kWidth);
  for (std::int64_t row = 0; row < kRows; ++row) {
    run(w.gated(row, 1, gated.data() + row * kWidth), nullptr, kernel_isa());
    run(w.gelu(row, 1, gelu.data() + row * kWidth), nullptr, kernel_isa());
  }
  for (int threads : {1, 2, 3}) {
    ThreadPool pool(threads);
    std::vector<float> got(kRows * kWidth);
    run(w.gated(0, kRows, got.data()), &pool, kernel_isa());
    EXPECT_TRUE(bits_equal(got, gated)) << threads << " threads";
    run(w.gelu(0, kRows, got.data()), &pool, kernel_isa());
    EXPECT_TRUE(bits_equal(got, gelu)) << threads << " threads";
  }
}

TEST(Mlp, IntegerWeights_AnyThreadsAndRowsSameAsOneByOne) {
  constexpr std::int64_t kIn = 128;
  constexpr std::int64_t kInner = 640;
  const std::vector<float> x = random_floats(kRows * kIn, 1);
  const std::vector<float> gain = random_floats(kIn, 2);
  const std::vector<float> scale = random_floats(kIn, 3);
  const std::vector<float> values = random_floats(kIn * kInner, 4, 0.2F);
  for (const AffineForm& form : all_affine_forms()) {
    const AffineMatrix first(form, kInner, kIn, values);
    const AffineMatrix last(form, kIn, kInner, values);
    const auto view = [&](const AffineMatrix& m) {
      return WeightView{m.product(1, nullptr).w, form.type, form.format};
    };
    const auto run_both = [&](std::int64_t row, std::int64_t n, float* y,
                              ThreadPool* pool) {
      const NormWeights norm{gain.data(), nullptr, 1e-5F, kIn};
      const float* at = x.data() + row * kIn;
      run(GatedMlp{at, n, kInner, norm, view(first), view(first), view(last),
                   y},
          pool, kernel_isa());
      run(GeluMlp{at, n, kInner, norm, view(first), view(last), scale.data(),
                  y + kRows * kIn},
          pool, kernel_isa());
    };
    std::vector<float> want(2 * kRows * kIn);
    for (std::int64_t row = 0; row < kRows; ++row) {
      run_both(row, 1, want.data() + row * kIn, nullptr);
    }
    for (const int threads : {1, 3}) {
      ThreadPool pool(threads);
      std::vector<float> got(want.size());
      run_both(0, kRows, got.data(), &pool);
      EXPECT_TRUE(bits_equal(got, want)) << threads << " threads";
    }
  }
}

using Doubles = std::vector<double>;

double at(const std::vector<float>& v, std::int64_t i) {
  return static_cast<double>(v[static_cast<std::size_t>(i)]);
}

Doubles normalized(const Weights& w, std::int64_t row, bool layer) {
  double mean = 0;
  for (std::int64_t i = 0; layer && i < kWidth; ++i) {
    mean += at(w.x, row * kWidth + i) / kWidth;
  }
  double square = 0;
  for (std::int64_t i = 0; i < kWidth; ++i) {
    square += std::pow(at(w.x, row * kWidth + i) - mean, 2) / kWidth;
  }
  Doubles y;
  for (std::int64_t i = 0; i < kWidth; ++i) {
    y.push_back((at(w.x, row * kWidth + i) - mean) / std::sqrt(square + 1e-5) *
                    at(w.gain, i) +
                (layer ? at(w.bias, i) : 0.0));
  }
  return y;
}

Doubles product(const std::vector<float>& m, const Doubles& x) {
  Doubles y(m.size() / x.size());
  for (std::size_t o = 0; o < y.size(); ++o) {
    for (std::size_t i = 0; i < x.size(); ++i) {
      y[o] += static_cast<double>(m[o * x.size() + i]) * x[i];
    }
  }
  return y;
}

TEST(Mlp, AgainstDoubles_Close) {
  const Weights w;
  std::vector<float> gated(kRows * kWidth);
  std::vector<float> gelu(kRows * kWidth);
  run(w.gated(0, kRows, gated.data()), nullptr, kernel_isa());
  run(w.gelu(0, kRows, gelu.data()), nullptr, kernel_isa());
  for (std::int64_t row = 0; row < kRows; ++row) {
    Doubles hidden = product(w.first, normalized(w, row, false));
    const Doubles up = product(w.up, normalized(w, row, false));
    for (std::size_t i = 0; i < hidden.size(); ++i) {
      hidden[i] = hidden[i] / (1.0 + std::exp(-hidden[i])) * up[i];
    }
    const Doubles want = product(w.last, hidden);
    Doubles h = product(w.first, normalized(w, row, true));
    for (double& v : h) v = v * 0.5 * std::erfc(-v * M_SQRT1_2);
    const Doubles want_gelu = product(w.last, h);
    for (std::int64_t i = 0; i < kWidth; ++i) {
      const auto k = static_cast<std::size_t>(i);
      const double x = at(w.x, row * kWidth + i);
      EXPECT_NEAR(at(gated, row * kWidth + i), x + want[k], 2e-5);
      EXPECT_NEAR(at(gelu, row * kWidth + i), x + at(w.scale, i) * want_gelu[k],
                  2e-5);
    }
  }
}

}  // namespace
}  // namespace csm::kernels
