#include "csm/sampling/torch_cuda_rng.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "csm/base/error.h"
#include "csm/sampling/philox.h"

namespace csm::sampling {
namespace {

std::vector<float> draw(TorchCudaGenerator& generator, std::size_t n) {
  std::vector<float> values(n);
  generator.exponential(values);
  return values;
}

float uniform_of(float exponential) { return std::exp(-exponential); }

TEST(TorchCudaGenerator, FirstUniforms_MatchPublishedCudaValues) {
  // torch.manual_seed(s); torch.rand(3, device="cuda"), as printed in public.
  TorchCudaGenerator seed0(0);
  const std::vector<float> q0 = draw(seed0, 3);
  EXPECT_NEAR(uniform_of(q0[0]), 0.3990F, 5e-5F);
  EXPECT_NEAR(uniform_of(q0[1]), 0.5167F, 5e-5F);
  EXPECT_NEAR(uniform_of(q0[2]), 0.0249F, 5e-5F);
  TorchCudaGenerator seed42(42);
  const std::vector<float> q42 = draw(seed42, 3);
  EXPECT_NEAR(uniform_of(q42[0]), 0.6130F, 5e-5F);
  EXPECT_NEAR(uniform_of(q42[1]), 0.0101F, 5e-5F);
  EXPECT_NEAR(uniform_of(q42[2]), 0.3984F, 5e-5F);
}

struct EngineVector {
  std::uint64_t seed;
  std::uint64_t call;    // counter words 0, 1
  std::uint64_t thread;  // counter words 2, 3
  std::uint32_t word;
};

// First words of torch 2.9.1's own Philox engine (seed, subsequence, offset).
constexpr std::array<EngineVector, 8> kEngineVectors = {
    {{42, 0, 0, 0x9CEAF053U},
     {42, 1, 0, 0xFCDB2127U},
     {42, 0, 2050, 0xFCC69254U},
     {42, 1, 2050, 0x39F2F45CU},
     {0x123456789ABCDEF0U, 0, 1, 0x392FD6B2U},
     {0x123456789ABCDEF0U, 1, 1, 0xEACE5522U},
     {0x123456789ABCDEF0U, 0, 2050, 0x0D270065U},
     {0x123456789ABCDEF0U, 1, 2050, 0xD905FFA7U}}};

TEST(TorchCudaGenerator, WordsOfCallAndElement_AreTorchsEngine) {
  for (const EngineVector& vector : kEngineVectors) {
    TorchCudaGenerator generator(vector.seed);
    std::vector<float> values;
    for (std::uint64_t call = 0; call <= vector.call; ++call) {
      values = draw(generator, 2051);
    }
    const double u = (static_cast<double>(vector.word) + 0.5) * 0x1p-32;
    const double expected = -std::log(u);
    EXPECT_NEAR(
        static_cast<double>(values[static_cast<std::size_t>(vector.thread)]),
        expected, 1e-6 * (1.0 + expected));
  }
}

TEST(TorchCudaGenerator, OffsetAfterCalls_FollowsTheLaunchRule) {
  TorchCudaGenerator generator(1);
  (void)draw(generator, 2051);
  EXPECT_EQ(generator.offset(), 4U);
  (void)draw(generator, 131 * 2051);  // 1050 blocks, one step
  EXPECT_EQ(generator.offset(), 8U);
  // 2 multiprocessors x 1 block: 512 threads, 2048 values a step.
  TorchCudaGenerator small(1, {2, 256});
  (void)draw(small, 2048);
  EXPECT_EQ(small.offset(), 4U);
  (void)draw(small, 2049);
  EXPECT_EQ(small.offset(), 12U);
  (void)draw(small, 0);
  EXPECT_EQ(small.offset(), 12U);
}

TEST(TorchCudaGenerator, MoreValuesThanThreads_UseAllFourWordsThenStep) {
  TorchCudaGenerator generator(9, {1, 256});
  const std::vector<float> values = draw(generator, 1500);
  // Element 1300 = 1024 + 1 * 256 + 20: step 1, word 1 of thread 20.
  const auto words = philox4x32({1, 0, 20, 0}, {9, 0});
  const double u = (static_cast<double>(words[1]) + 0.5) * 0x1p-32;
  EXPECT_NEAR(static_cast<double>(values[1300]), -std::log(u), 1e-5);
}

TEST(TorchCudaGenerator, LargestWord_IsHalfAnEpsilonAndNeverZero) {
  TorchCudaGenerator generator(123);
  for (int call = 0; call < 20; ++call) {
    for (const float value : draw(generator, 20000)) {
      ASSERT_GE(value, 0x1p-24F);
      ASSERT_LE(value, 23.0F);
    }
  }
}

TEST(TorchCudaGenerator, ImpossibleDevice_InvalidArgument) {
  EXPECT_THROW(TorchCudaGenerator(1, {0, 2048}), Error);
  EXPECT_THROW(TorchCudaGenerator(1, {132, 255}), Error);
}

}  // namespace
}  // namespace csm::sampling
