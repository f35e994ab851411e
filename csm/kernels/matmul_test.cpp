#include "csm/kernels/matmul.h"

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
using testing::special_floats;
using testing::to_bf16;
using testing::to_float;
using testing::vector_isas;

/// A product with its own memory, everything at odd addresses.
struct Problem {
  Problem(std::int64_t rows, std::int64_t outs, std::int64_t ins,
          WeightType weight_type, std::uint32_t seed = 1)
      : n_rows(rows),
        n_out(outs),
        n_in(ins),
        type(weight_type),
        x(random_floats(size(rows * ins) + 1, seed)),
        w(random_floats(size(outs * ins) + 1, seed + 1)),
        half(to_bf16(w)),
        bias(random_floats(size(outs), seed + 2)),
        scale(random_floats(size(outs), seed + 3)),
        residual(random_floats(size(rows * outs), seed + 4)) {
    if (type == WeightType::kBfloat16) {
      for (std::size_t i = 0; i < w.size(); ++i) w[i] = to_float(half[i]);
    }
  }

  static std::size_t size(std::int64_t n) {
    return static_cast<std::size_t>(n);
  }

  [[nodiscard]] Matmul plain(float* y) const {
    const void* weights = type == WeightType::kFloat32
                              ? static_cast<const void*>(w.data() + 1)
                              : static_cast<const void*>(half.data() + 1);
    return {.x = x.data() + 1,
            .x_stride = n_in,
            .w = weights,
            .type = type,
            .n_rows = n_rows,
            .n_out = n_out,
            .n_in = n_in,
            .y = y,
            .y_stride = n_out};
  }

  [[nodiscard]] Matmul full(float* y) const {
    Matmul m = plain(y);
    m.bias = bias.data();
    m.scale = scale.data();
    m.residual = residual.data();
    m.residual_stride = n_out;
    return m;
  }

  [[nodiscard]] std::vector<float> run(Isa isa) const {
    std::vector<float> y(size(n_rows * n_out));
    matmul(full(y.data()), nullptr, isa);
    return y;
  }

  std::int64_t n_rows, n_out, n_in;
  WeightType type;
  std::vector<float> x, w;
  std::vector<Bf16> half;
  std::vector<float> bias, scale, residual;
};

/// The documented order, written down independently.
float canonical_dot(const float* x, const float* w, std::int64_t n) {
  float lanes[32] = {};
  for (std::int64_t i = 0; i < n; ++i) {
    lanes[i % 32] = std::fma(x[i], w[i], lanes[i % 32]);
  }
  for (int step = 16; step >= 1; step /= 2) {
    for (int l = 0; l < step; ++l) lanes[l] += lanes[l + step];
  }
  return lanes[0];
}

TEST(Matmul, Scalar_FollowsTheDocumentedOrder) {
  for (std::int64_t n_in = 1; n_in <= 100; ++n_in) {
    const Problem p(3, 2, n_in, WeightType::kBfloat16);
    const std::vector<float> y = p.run(Isa::kScalar);
    for (std::int64_t n = 0; n < 3; ++n) {
      for (std::int64_t o = 0; o < 2; ++o) {
        const float dot = canonical_dot(p.x.data() + 1 + n * n_in,
                                        p.w.data() + 1 + o * n_in, n_in);
        const std::size_t at = Problem::size(n * 2 + o);
        const std::size_t out = Problem::size(o);
        EXPECT_EQ(y[at], p.residual[at] + p.scale[out] * (dot + p.bias[out]))
            << "n_in " << n_in;
      }
    }
  }
}

TEST(Matmul, AllIsasOddSizes_BitEqualToScalarWithinBounds) {
  for (const WeightType type : {WeightType::kFloat32, WeightType::kBfloat16}) {
    for (std::int64_t n_in :
         {1, 2, 7, 15, 16, 17, 31, 32, 33, 47, 48, 49, 65}) {
      for (std::int64_t rows : {1, 2, 3, 4, 5, 6, 7, 8, 9, 13}) {
        for (std::int64_t outs : {1, 2, 3, 5, 9}) {
          const Problem p(rows, outs, n_in, type);
          const std::vector<float> want = p.run(Isa::kScalar);
          for (const Isa isa : vector_isas()) {
            Guarded got(want.size());
            matmul(p.full(got.data()), nullptr, isa);
            ASSERT_TRUE(bits_equal(got.values(), want))
                << to_string(isa) << " " << rows << "x" << outs << "x" << n_in;
            ASSERT_TRUE(got.intact());
          }
        }
      }
    }
  }
}

TEST(Matmul, SpecialValues_BitEqualToScalar) {
  const std::vector<float> special = special_floats();
  for (std::int64_t rows : {1, 9}) {
    Problem p(rows, 7, 41, WeightType::kFloat32);
    for (std::size_t i = 0; i < special.size(); ++i) {
      p.x[(i * 5 + 1) % p.x.size()] = special[i];
      p.w[i * 10 + 2] = special[special.size() - 1 - i];
    }
    const std::vector<float> want = p.run(Isa::kScalar);
    for (const Isa isa : vector_isas()) {
      EXPECT_TRUE(bits_equal(p.run(isa), want)) << to_string(isa);
    }
  }
}

TEST(Matmul, DenormalProducts_AreNotFlushed) {
  std::vector<float> x(64, 1e-30F);
  std::vector<float> w(64, 1e-10F);
  for (const Isa isa : available_isas()) {
    float y = 0;
    matmul({.x = x.data(),
            .x_stride = 64,
            .w = w.data(),
            .n_rows = 1,
            .n_out = 1,
            .n_in = 64,
            .y = &y,
            .y_stride = 1},
           nullptr, isa);
    EXPECT_NEAR(y, 64e-40F, 1e-42F) << to_string(isa);
  }
}

TEST(Matmul, LongRows_WithinNormBoundOfDouble) {
  for (const WeightType type : {WeightType::kFloat32, WeightType::kBfloat16}) {
    const Problem p(7, 10, 2048, type);
    std::vector<float> y(70);
    matmul(p.plain(y.data()), nullptr);
    for (std::size_t n = 0; n < 7; ++n) {
      for (std::size_t o = 0; o < 10; ++o) {
        double want = 0;
        double norm = 0;
        for (std::size_t i = 0; i < 2048; ++i) {
          const double product = static_cast<double>(p.x[1 + n * 2048 + i]) *
                                 static_cast<double>(p.w[1 + o * 2048 + i]);
          want += product;
          norm += std::abs(product);
        }
        // 64 products a lane and 5 levels of the tree, half an ulp each.
        EXPECT_NEAR(static_cast<double>(y[n * 10 + o]), want,
                    norm * 69 * 0x1p-24);
      }
    }
  }
}

TEST(Matmul, RowAlone_SameAsAmongOthers) {
  for (const Isa isa : vector_isas()) {
    const Problem p(23, 33, 300, WeightType::kBfloat16);
    const std::vector<float> all = p.run(isa);
    for (std::int64_t first = 0; first < 23; ++first) {
      for (std::int64_t n : {1, 2, 5, 12}) {
        if (first + n > 23) continue;
        std::vector<float> some(Problem::size(n * 33));
        Matmul m = p.full(some.data());
        m.x += first * 300;
        m.residual += first * 33;
        m.n_rows = n;
        matmul(m, nullptr, isa);
        EXPECT_TRUE(
            bits_equal(some, std::span(all).subspan(Problem::size(first * 33),
                                                    Problem::size(n * 33))));
      }
    }
  }
}

TEST(Matmul, AnyThreads_SameResult) {
  for (const auto& [rows, outs] :
       {std::pair<int, int>{1, 301}, {5, 201}, {300, 7}}) {
    const Problem p(rows, outs, 512, WeightType::kFloat32);
    std::vector<float> want(Problem::size(rows * outs));
    matmul(p.full(want.data()), nullptr);
    for (int threads : {1, 2, 3}) {
      ThreadPool pool(threads);
      Guarded got(want.size());
      matmul(p.full(got.data()), &pool);
      EXPECT_TRUE(bits_equal(got.values(), want)) << threads << " threads";
      EXPECT_TRUE(got.intact());
    }
  }
}

TEST(Matmul, OverlappingRows_SameAsCopiedRows) {
  const std::int64_t n_in = 3 * 20;  // three consecutive frames of 20
  const std::int64_t rows = 11;
  const std::vector<float> x = random_floats((11 + 2) * 20, 3);
  std::vector<float> copied;
  for (std::int64_t t = 0; t < rows; ++t) {
    copied.insert(copied.end(), x.begin() + t * 20, x.begin() + t * 20 + n_in);
  }
  const std::vector<float> w = random_floats(6 * 60, 4);
  std::vector<float> want(11 * 6);
  std::vector<float> got(11 * 6);
  Matmul m{.x = copied.data(),
           .x_stride = n_in,
           .w = w.data(),
           .n_rows = rows,
           .n_out = 6,
           .n_in = n_in,
           .y = want.data(),
           .y_stride = 6};
  matmul(m, nullptr);
  m.x = x.data();
  m.x_stride = 20;
  m.y = got.data();
  matmul(m, nullptr);
  EXPECT_TRUE(bits_equal(got, want));
}

TEST(Matmul, OutputIsTheResidual_AddedInPlace) {
  const Problem p(6, 5, 40, WeightType::kFloat32);
  const std::vector<float> want = p.run(kernel_isa());
  std::vector<float> y = p.residual;
  Matmul m = p.full(y.data());
  m.residual = y.data();
  matmul(m, nullptr);
  EXPECT_TRUE(bits_equal(y, want));
}

TEST(MatmulAll, SeveralMatrices_SameAsOneByOne) {
  ThreadPool pool(3);
  const Problem a(4, 130, 256, WeightType::kFloat32, 1);
  const Problem b(4, 33, 256, WeightType::kBfloat16, 11);
  const Problem c(4, 1, 256, WeightType::kFloat32, 21);
  Guarded ya(4 * 130);
  Guarded yb(4 * 33);
  Guarded yc(4);
  const Matmul all[] = {a.full(ya.data()), b.full(yb.data()),
                        c.full(yc.data())};
  matmul_all(all, &pool);
  EXPECT_TRUE(bits_equal(ya.values(), a.run(kernel_isa())));
  EXPECT_TRUE(bits_equal(yb.values(), b.run(kernel_isa())));
  EXPECT_TRUE(bits_equal(yc.values(), c.run(kernel_isa())));
  EXPECT_TRUE(ya.intact() && yb.intact() && yc.intact());
}

}  // namespace
}  // namespace csm::kernels
