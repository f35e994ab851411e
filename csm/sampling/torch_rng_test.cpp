#include "csm/sampling/torch_rng.h"

#include <gtest/gtest.h>

#include <array>
#include <bit>
#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "csm/base/json.h"
#include "csm/base/sha256.h"
#include "csm/sampling/bf16.h"

namespace csm::sampling {
namespace {

std::vector<float> exponential(std::uint64_t seed, std::size_t n) {
  TorchCpuGenerator generator(seed);
  std::vector<float> values(n);
  generator.exponential(values);
  return values;
}

std::vector<std::uint16_t> bf16_bits(const std::vector<float>& values) {
  std::vector<std::uint16_t> bits;
  bits.reserve(values.size());
  for (const float value : values) {
    bits.push_back(static_cast<std::uint16_t>(
        std::bit_cast<std::uint32_t>(round_to_bf16(value)) >> 16U));
  }
  return bits;
}

TEST(TorchCpuGenerator, NoiseOfManySeedsAndSizes_MatchesTorch) {
  const Json goldens =
      parse_json_file(CSM_SOURCE_DIR "/tests/data/sampling.json");
  ASSERT_GE(goldens["noise"].size(), 100U);
  for (const Json& golden : goldens["noise"]) {
    const auto seed = std::stoull(golden["seed"].get<std::string>());
    TorchCpuGenerator generator(seed);
    std::vector<float> values(golden["n"].get<std::size_t>());
    generator.exponential(values);
    SCOPED_TRACE(golden.dump());
    EXPECT_EQ(std::bit_cast<std::uint32_t>(values.front()), golden["first"]);
    EXPECT_EQ(std::bit_cast<std::uint32_t>(values.back()), golden["last"]);
    EXPECT_EQ(generator.next32() & 0x7FFFFFFFU, golden["next31"]);
    EXPECT_EQ(sha256_hex(std::as_bytes(std::span(values))),
              golden["f32"].get<std::string>());
    const std::vector<std::uint16_t> bf16 = bf16_bits(values);
    EXPECT_EQ(sha256_hex(std::as_bytes(std::span(bf16))),
              golden["bf16"].get<std::string>());
  }
}

struct NoiseVector {
  std::uint64_t seed;
  std::array<std::uint32_t, 4> first;
  std::uint32_t last;
  std::array<std::uint16_t, 4> bf16;
};

// torch 2.9.1 CPU, n = 2051.
constexpr std::array<NoiseVector, 3> kNoiseVectors = {
    {{0,
      {0x4060886BU, 0x3F9D7D3FU, 0x3F1D7388U, 0x40223F62U},
      0x3ED33661U,
      {0x4061, 0x3F9D, 0x3F1D, 0x4022}},
     {42,
      {0x3D756866U, 0x3D851234U, 0x3E071531U, 0x3D5D3CAFU},
      0x3F6A6181U,
      {0x3D75, 0x3D85, 0x3E07, 0x3D5D}},
     {1234,
      {0x3E870A32U, 0x3DA7FE4FU, 0x3F20CC7EU, 0x3F08FB38U},
      0x3F6B7B38U,
      {0x3E87, 0x3DA8, 0x3F21, 0x3F09}}}};

TEST(TorchCpuGenerator, SpecVectors_MatchTorch) {
  for (const NoiseVector& vector : kNoiseVectors) {
    const std::vector<float> values = exponential(vector.seed, 2051);
    const std::vector<std::uint16_t> bf16 = bf16_bits(values);
    for (std::size_t idx = 0; idx < 4; ++idx) {
      EXPECT_EQ(std::bit_cast<std::uint32_t>(values[idx]), vector.first[idx]);
      EXPECT_EQ(bf16[idx], vector.bf16[idx]);
    }
    EXPECT_EQ(std::bit_cast<std::uint32_t>(values.back()), vector.last);
  }
}

TEST(TorchCpuGenerator, DefaultSeedOfMt19937_GivesThePublishedTenThousandth) {
  // The C++ standard fixes the 10000th word of mt19937 seeded with 5489.
  TorchCpuGenerator generator(5489);
  generator.skip(9999);
  EXPECT_EQ(generator.next32(), 4123659995U);
}

TEST(TorchCpuGenerator, SeedsWithEqualLowHalf_GiveEqualStreams) {
  EXPECT_EQ(exponential(5, 700),
            exponential((std::uint64_t{9} << 32U) + 5, 700));
  EXPECT_NE(exponential(5, 700), exponential(6, 700));
}

TEST(TorchCpuGenerator, Next64_TakesTheHighHalfFirst) {
  TorchCpuGenerator words(3);
  TorchCpuGenerator pairs(3);
  for (int draw = 0; draw < 1000; ++draw) {
    const std::uint64_t high = words.next32();
    const std::uint64_t low = words.next32();
    EXPECT_EQ(pairs.next64(), (high << 32U) | low);
  }
}

TEST(TorchCpuGenerator, SkipOfAnyLength_EqualsDrawing) {
  for (const std::uint64_t n :
       {0U, 1U, 2U, 623U, 624U, 625U, 1248U, 4102U, 131264U}) {
    TorchCpuGenerator skipped(77);
    TorchCpuGenerator drawn(77);
    (void)skipped.next32();
    (void)drawn.next32();
    skipped.skip(n);
    for (std::uint64_t idx = 0; idx < n; ++idx) (void)drawn.next32();
    EXPECT_EQ(skipped.next32(), drawn.next32()) << n;
  }
}

TEST(TorchCpuGenerator, WordsInPieces_EqualSingleDraws) {
  TorchCpuGenerator bulk(8);
  TorchCpuGenerator single(8);
  for (const std::size_t n : {1U, 3U, 622U, 624U, 2000U, 5U}) {
    std::vector<std::uint32_t> words(n);
    bulk.words(words);
    for (const std::uint32_t word : words) ASSERT_EQ(word, single.next32());
  }
}

TEST(TorchCpuGenerator, Copy_ContinuesTheSameStream) {
  TorchCpuGenerator original(11);
  original.skip(1000);
  TorchCpuGenerator copy = original;
  EXPECT_EQ(copy.next64(), original.next64());
}

TEST(ExponentialFromBits, UniformOfZero_IsExactlyZero) {
  EXPECT_EQ(exponential_from_bits(0), 0.0F);
  EXPECT_EQ(exponential_from_bits(std::uint64_t{0x7FF} << 53U), 0.0F);
  EXPECT_GT(exponential_from_bits(1), 0.0F);
  // The largest uniform, 1 - 2^-53, gives 53 ln 2.
  EXPECT_FLOAT_EQ(exponential_from_bits(~std::uint64_t{0}), 36.7368005697F);
}

}  // namespace
}  // namespace csm::sampling
