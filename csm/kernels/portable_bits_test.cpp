#include <gtest/gtest.h>

#include <bit>
#include <cstdint>
#include <span>
#include <vector>

#include "csm/kernels/activation.h"
#include "csm/kernels/affine_testing.h"
#include "csm/kernels/attention.h"
#include "csm/kernels/kernel_testing.h"
#include "csm/kernels/matmul.h"
#include "csm/kernels/norm.h"
#include "csm/kernels/rope.h"
#include "csm/kernels/softmax.h"

// The same bits on every machine: digests written once (x86-64, g++ 12) and
// checked wherever these tests run, on 64-bit Arm too (tools/test_neon.sh).
namespace csm::kernels {
namespace {

using testing::random_floats;

/// FNV-1a over the bit patterns.
std::uint64_t digest(std::span<const float> values) {
  std::uint64_t hash = 14695981039346656037ULL;
  for (float v : values) {
    hash ^= std::bit_cast<std::uint32_t>(v);
    hash *= 1099511628211ULL;
  }
  return hash;
}

TEST(PortableBits, Matmul) {
  const std::vector<float> x = random_floats(9 * 300, 1);
  const std::vector<float> w = random_floats(11 * 300, 2);
  std::vector<float> y(9 * 11);
  matmul({.x = x.data(),
          .x_stride = 300,
          .w = w.data(),
          .n_rows = 9,
          .n_out = 11,
          .n_in = 300,
          .y = y.data(),
          .y_stride = 11},
         nullptr);
  EXPECT_EQ(digest(y), 9376208977754122164ULL);
}

TEST(PortableBits, IntegerWeights) {
  const std::vector<float> x = random_floats(3 * 256, 1);
  const std::vector<float> w = random_floats(21 * 256, 2);
  const testing::AffineMatrix int8({WeightType::kInt8, {}}, 21, 256, w);
  const testing::AffineMatrix int4({WeightType::kInt4, {}}, 21, 256, w);
  EXPECT_EQ(digest(int8.multiply(x, kernel_isa())), 9940471488840439899ULL);
  EXPECT_EQ(digest(int4.multiply(x, kernel_isa())), 10337502220884568912ULL);
}

TEST(PortableBits, ElementaryFunctions) {
  const std::vector<float> x = random_floats(1000, 3, 8.0F);
  std::vector<float> y(1000);
  exp_f32(x.data(), y.data(), 1000);
  EXPECT_EQ(digest(y), 4809474251272280210ULL);
  silu_mul(x.data(), x.data(), y.data(), 1000);
  EXPECT_EQ(digest(y), 10047957410702088939ULL);
  gelu(x.data(), y.data(), 1000);
  EXPECT_EQ(digest(y), 16373530482152190833ULL);
  elu(x.data(), y.data(), 1000);
  EXPECT_EQ(digest(y), 15937751285871921093ULL);
  softmax_f32(x.data(), y.data(), 1000);
  EXPECT_EQ(digest(y), 5255897343289237019ULL);
}

TEST(PortableBits, NormsAndRope) {
  const std::vector<float> x = random_floats(515, 4);
  const std::vector<float> gain = random_floats(515, 5);
  std::vector<float> y(515);
  rms_norm(x.data(), 515, gain.data(), 1e-5F, y.data());
  EXPECT_EQ(digest(y), 8463782427063808182ULL);
  layer_norm(x.data(), 515, gain.data(), gain.data(), 1e-5F, y.data());
  EXPECT_EQ(digest(y), 13596050684396381171ULL);
  std::vector<float> cos(8 * 515);
  std::vector<float> sin(8 * 515);
  rope_table(gain.data(), 515, 1000, 8, cos.data(), sin.data());
  EXPECT_EQ(digest(cos), 18050011456058373128ULL);
  EXPECT_EQ(digest(sin), 747346896573044612ULL);
}

TEST(PortableBits, Attention) {
  const std::vector<float> q = random_floats(20 * 4 * 64, 6);
  const std::vector<float> k = random_floats(20 * 2 * 64, 7);
  const std::vector<float> v = random_floats(20 * 2 * 64, 8);
  const std::vector<float> freq = random_floats(32, 9, 0.3F);
  std::vector<float> k_cache(20 * 2 * 64);
  std::vector<float> v_cache(20 * 2 * 64);
  std::vector<float> out(20 * 4 * 64);
  const Attention a{.n_rows = 20,
                    .n_heads = 4,
                    .n_kv_heads = 2,
                    .head_dim = 64,
                    .capacity = 20,
                    .window = 0,
                    .position = 0,
                    .q = q.data(),
                    .k = k.data(),
                    .v = v.data(),
                    .inv_freq = freq.data(),
                    .k_cache = k_cache.data(),
                    .v_cache = v_cache.data(),
                    .k_read = k_cache.data(),
                    .v_read = v_cache.data(),
                    .out = out.data()};
  std::vector<float> scratch(attend_scratch(a, nullptr));
  write_keys(a, scratch.data());
  write_values(a);
  attend(a, scratch.data(), nullptr);
  EXPECT_EQ(digest(out), 1629760987839712107ULL);
}

}  // namespace
}  // namespace csm::kernels
