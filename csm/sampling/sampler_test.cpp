#include "csm/sampling/sampler.h"

#include <gtest/gtest.h>

#include <array>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "csm/base/json.h"

namespace csm::sampling {
namespace {

constexpr float kInfinity = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

SamplerOptions torch_options(float temperature, int top_k) {
  return {.temperature = temperature,
          .top_k = top_k,
          .codec_safety = CodecSafety::kTorch};
}

// As in tools/oracle/sampling_goldens.py.
std::uint64_t splitmix(std::uint64_t& state) {
  state += 0x9E3779B97F4A7C15U;
  std::uint64_t z = state;
  z = (z ^ (z >> 30U)) * 0xBF58476D1CE4E5B9U;
  z = (z ^ (z >> 27U)) * 0x94D049BB133111EBU;
  return z ^ (z >> 31U);
}

std::vector<float> logits_row(std::uint64_t seed, int vocab, int levels) {
  std::vector<float> row;
  for (int idx = 0; idx < vocab; ++idx) {
    const std::uint64_t z = splitmix(seed);
    std::int64_t total = -131070;
    for (const unsigned shift : {0U, 16U, 32U, 48U}) {
      total += static_cast<std::int64_t>((z >> shift) & 0xFFFFU);
    }
    const std::int64_t steps = (total * levels) >> 14U;
    row.push_back(static_cast<float>(steps) / static_cast<float>(levels));
  }
  return row;
}

std::vector<std::int32_t> draw_golden(const Json& golden, bool as_words) {
  SamplerOptions options;
  options.temperature = golden["temperature"].get<float>();
  options.top_k = golden["top_k"].get<int>();
  options.kind = *parse_sampler_kind(golden["kind"].get<std::string>());
  options.codec_safety =
      *parse_codec_safety(golden["safety"].get<std::string>());
  options.n_valid_codes = golden["n_valid"].get<int>();
  const int vocab = golden["vocab"].get<int>();
  const auto seed = golden["seed"].get<std::uint64_t>();
  TorchCpuGenerator generator(seed);
  std::vector<std::int32_t> codes;
  for (std::uint64_t row = 0; row < golden["codes"].size(); ++row) {
    const std::vector<float> logits =
        logits_row(seed * 1000003 + row, vocab, golden["levels"].get<int>());
    std::vector<float> values(logits.size());
    std::vector<std::uint32_t> words(2 * logits.size());
    TorchCpuGenerator copy = generator;
    copy.exponential(values);
    generator.words(words);
    const NoiseRow noise =
        as_words ? NoiseRow::words(words) : NoiseRow::values(values);
    codes.push_back(draw_code(logits, noise, options).code);
  }
  return codes;
}

TEST(DrawCode, GoldenCodes_MatchTorch) {
  const Json goldens =
      parse_json_file(CSM_SOURCE_DIR "/tests/data/sampling.json");
  ASSERT_GE(goldens["codes"].size(), 20U);
  for (const Json& golden : goldens["codes"]) {
    const auto expected = golden["codes"].get<std::vector<std::int32_t>>();
    SCOPED_TRACE(golden.dump());
    EXPECT_EQ(draw_golden(golden, false), expected);
    EXPECT_EQ(draw_golden(golden, true), expected);
  }
}

struct CodeVector {
  std::uint64_t seed;
  std::array<std::int32_t, 8> codes;
};

// torch 2.9.1 CPU, float32 HF sampler and bfloat16 original sampler alike.
constexpr std::array<CodeVector, 3> kCodeVectors = {
    {{0, {464, 1403, 494, 1949, 1676, 1201, 1474, 1242}},
     {42, {60, 1070, 868, 1474, 191, 535, 60, 2050}},
     {1234, {1242, 1807, 1171, 393, 535, 1171, 1706, 1646}}}};

TEST(DrawCode, SpecVectors_MatchTorch) {
  std::vector<float> logits;
  for (int idx = 0; idx < 2051; ++idx) {
    logits.push_back(static_cast<float>((37 * idx) % 101) / 16.0F - 3.0F);
  }
  for (const SamplerKind kind :
       {SamplerKind::kTorchF32, SamplerKind::kTorchBf16}) {
    SamplerOptions options = torch_options(0.9F, 50);
    options.kind = kind;
    for (const CodeVector& vector : kCodeVectors) {
      TorchCpuGenerator generator(vector.seed);
      std::vector<float> noise(logits.size());
      for (const std::int32_t code : vector.codes) {
        generator.exponential(noise);
        EXPECT_EQ(draw_code(logits, NoiseRow::values(noise), options).code,
                  code);
      }
    }
  }
}

TEST(DrawCode, EqualQuotients_TakeTheLowestIndex) {
  const std::vector<float> logits = {0.0F, 2.0F, 2.0F, 2.0F};
  const std::vector<float> noise(4, 0.5F);
  EXPECT_EQ(sample_torch_f32(logits, noise, torch_options(1.0F, 4)), 1);
}

TEST(DrawCode, TiesWithTheKthLogit_AreAllKept) {
  const std::vector<float> logits = {1.0F, 1.0F, 0.0F, 1.0F, 1.0F};
  // Only the last of four tied codes has little noise; k is 2.
  const std::vector<float> noise = {9.0F, 9.0F, 1e-6F, 9.0F, 0.1F};
  EXPECT_EQ(sample_torch_f32(logits, noise, torch_options(1.0F, 2)), 4);
}

TEST(DrawCode, FilteredCode_NeverWins) {
  const std::vector<float> logits = {3.0F, 2.0F, 1.0F};
  const std::vector<float> noise = {30.0F, 30.0F, 1e-30F};
  EXPECT_LT(sample_torch_f32(logits, noise, torch_options(0.8F, 2)), 2);
}

TEST(DrawCode, TopKAboveTheNumberOfCodes_IsClamped) {
  const std::vector<float> logits = {3.0F, 2.0F, 1.0F};
  const std::vector<float> noise = {3.0F, 3.0F, 1e-3F};
  EXPECT_EQ(sample_torch_f32(logits, noise, torch_options(0.8F, 1000)), 2);
}

TEST(DrawCode, ZeroNoise_WinsAsInTorch) {
  SamplerOptions options = torch_options(1.0F, 2);
  const std::vector<float> logits = {3.0F, 2.0F, 1.0F, 0.0F};
  // A kept code: p / 0 is infinite.
  std::vector<float> noise = {1.0F, 0.0F, 1.0F, 1.0F};
  EXPECT_EQ(sample_torch_f32(logits, noise, options), 1);
  // A filtered code: 0 / 0 is NaN, which beats infinity.
  noise = {1.0F, 0.0F, 1.0F, 0.0F};
  EXPECT_EQ(sample_torch_f32(logits, noise, options), 3);
  // Among several NaN the first; a masked code takes no part.
  noise = {1.0F, 1.0F, 0.0F, 0.0F};
  EXPECT_EQ(sample_torch_f32(logits, noise, options), 2);
  options.codec_safety = CodecSafety::kMaskInvalid;
  options.n_valid_codes = 2;
  EXPECT_EQ(sample_torch_f32(logits, noise, options), 0);
}

TEST(DrawCode, UnusableLogits_AreRefused) {
  const std::vector<float> noise = {1.0F, 1.0F, 1.0F};
  const std::vector<std::vector<float>> rows = {
      {1.0F, kNan, 0.0F},
      {1.0F, 2.0F, kInfinity},
      {-kInfinity, -kInfinity, -kInfinity},
      {1e38F, 0.0F, 0.0F}};  // overflows when divided by 0.1
  for (const bool greedy : {false, true}) {
    SamplerOptions options = torch_options(0.1F, 2);
    options.greedy = greedy;
    for (std::size_t row = 0; row < (greedy ? 3U : 4U); ++row) {
      EXPECT_EQ(sample_torch_f32(rows[row], noise, options), kBadLogits) << row;
    }
  }
}

TEST(DrawCode, NanOfAnInvalidCode_IsRefusedToo) {
  SamplerOptions options;
  options.n_valid_codes = 2;
  const std::vector<float> noise = {1.0F, 1.0F, 1.0F};
  EXPECT_EQ(
      sample_torch_f32(std::vector<float>{1.0F, 2.0F, kNan}, noise, options),
      kBadLogits);
  // All codes that may be drawn are impossible.
  EXPECT_EQ(sample_torch_f32(std::vector<float>{-kInfinity, -kInfinity, 1.0F},
                             noise, options),
            kBadLogits);
}

TEST(DrawCode, MinusInfinity_IsImpossibleButAllowed) {
  const std::vector<float> logits = {-kInfinity, 0.0F, -kInfinity};
  const std::vector<float> noise = {1e-9F, 9.0F, 1e-9F};
  EXPECT_EQ(sample_torch_f32(logits, noise, torch_options(0.8F, 3)), 1);
}

TEST(DrawCode, Greedy_IsTheFirstLargestLogit) {
  SamplerOptions options = torch_options(0.8F, 1);
  options.greedy = true;
  const std::vector<float> logits = {1.0F, 4.0F, 4.0F, 3.0F};
  const Draw draw = draw_code(logits, NoiseRow::values({}), options);
  EXPECT_EQ(draw.code, 1);
  EXPECT_FALSE(draw.changed);
}

TEST(DrawCode, GreedyInvalidCode_IsMaskedAndCounted) {
  SamplerOptions options;
  options.greedy = true;
  options.n_valid_codes = 2;
  const std::vector<float> logits = {1.0F, 4.0F, 5.0F};
  const Draw draw = draw_code(logits, NoiseRow::values({}), options);
  EXPECT_EQ(draw.code, 1);
  EXPECT_TRUE(draw.changed);
}

TEST(DrawCode, MaskInvalid_EqualsTorchOnTheValidCodesAlone) {
  std::mt19937_64 random(3);
  SamplerOptions masked = {.temperature = 0.9F, .top_k = 20};
  masked.n_valid_codes = 60;
  const SamplerOptions plain = torch_options(0.9F, 20);
  int n_changed = 0;
  for (int draw = 0; draw < 2000; ++draw) {
    const std::vector<float> logits = logits_row(random(), 67, 16);
    TorchCpuGenerator generator(random());
    std::vector<float> noise(67);
    generator.exponential(noise);
    const Draw drawn = draw_code(logits, NoiseRow::values(noise), masked);
    const std::span<const float> valid(logits.data(), 60);
    const std::span<const float> valid_noise(noise.data(), 60);
    ASSERT_EQ(drawn.code, sample_torch_f32(valid, valid_noise, plain));
    const bool differs = drawn.code != sample_torch_f32(logits, noise, plain);
    ASSERT_EQ(drawn.changed, differs);
    n_changed += drawn.changed ? 1 : 0;
  }
  // About 7 of 67 codes are invalid.
  EXPECT_GT(n_changed, 100);
  EXPECT_LT(n_changed, 600);
}

TEST(DrawCode, LegacyRange_TurnsLowCodesIntoZero) {
  SamplerOptions options = torch_options(1.0F, 1);
  options.codec_safety = CodecSafety::kLegacyRange;
  for (const std::size_t code : {0U, 1U, 31U, 32U, 66U}) {
    std::vector<float> logits(67, 0.0F);
    logits[code] = 5.0F;
    const std::vector<float> noise(67, 1.0F);
    const Draw draw = draw_code(logits, NoiseRow::values(noise), options);
    const bool replaced = code >= 1 && code <= 31;
    EXPECT_EQ(draw.changed, replaced) << code;
    EXPECT_EQ(draw.code, replaced ? 0 : static_cast<std::int32_t>(code));
  }
}

TEST(DrawCode, ManyDraws_FollowTheSoftmaxOfTheKeptLogits) {
  // Chi-square against the analytic distribution; 4 kept of 6 codes.
  const std::vector<float> logits = {0.0F, 1.0F, 1.5F, -4.0F, 0.5F, -5.0F};
  const SamplerOptions options = torch_options(0.8F, 4);
  TorchCpuGenerator generator(2);
  std::array<int, 6> counts{};
  constexpr int kDraws = 40000;
  std::vector<float> noise(logits.size());
  for (int draw = 0; draw < kDraws; ++draw) {
    generator.exponential(noise);
    const std::int32_t code = sample_torch_f32(logits, noise, options);
    ++counts[static_cast<std::size_t>(code)];
  }
  double total = 0.0;
  for (const std::size_t code : {0U, 1U, 2U, 4U}) {
    total += std::exp(static_cast<double>(logits[code]) / 0.8);
  }
  double chi_square = 0.0;
  for (const std::size_t code : {0U, 1U, 2U, 4U}) {
    const double expected =
        kDraws * std::exp(static_cast<double>(logits[code]) / 0.8) / total;
    chi_square += std::pow(counts[code] - expected, 2) / expected;
  }
  EXPECT_LT(chi_square, 16.27);  // 3 degrees of freedom, p = 0.001
  EXPECT_EQ(counts[3] + counts[5], 0);
}

}  // namespace
}  // namespace csm::sampling
