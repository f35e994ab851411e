#include "csm/validate/reference_sampler.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <numeric>
#include <vector>

#include "csm/validate/chi_square.h"
#include "csm/validate/similarity.h"
#include "csm/validate/testing.h"

namespace csm::validate {
namespace {

using sampling::CodecSafety;
using sampling::SamplerKind;
using sampling::SamplerOptions;

SamplerOptions options_of(const Json& golden) {
  SamplerOptions options;
  options.temperature = golden["temperature"].get<float>();
  options.top_k = golden["top_k"].get<int>();
  options.kind =
      *sampling::parse_sampler_kind(golden["kind"].get<std::string>());
  options.codec_safety =
      *sampling::parse_codec_safety(golden["safety"].get<std::string>());
  options.n_valid_codes = golden["n_valid"].get<int>();
  return options;
}

// Codes that live torch drew (tools/oracle/sampling_goldens.py).
TEST(ReferenceSampler, DrawsTorchsCodes) {
  const Json data = load_test_data("sampling.json");
  ASSERT_GE(data["codes"].size(), 20U);
  for (const Json& golden : data["codes"]) {
    const auto want = golden["codes"].get<std::vector<std::int32_t>>();
    const int vocab = golden["vocab"].get<int>();
    LogitRows rows = {.n_frames = static_cast<int>(want.size()),
                      .n_codebooks = 1,
                      .vocab = vocab,
                      .n_valid_codes = vocab,
                      .data = {}};
    for (std::size_t row = 0; row < want.size(); ++row) {
      const auto logits =
          bell_row(golden["seed"].get<std::uint64_t>() * 1000003 + row, vocab,
                   golden["levels"].get<int>());
      rows.data.insert(rows.data.end(), logits.begin(), logits.end());
    }
    const auto got = draw_reference(rows, options_of(golden), 1,
                                    golden["seed"].get<std::uint64_t>());
    EXPECT_EQ(got.codes, want) << golden.dump().substr(0, 150);
  }
}

TEST(ReferenceNoise, HasTorchsFirstValues) {
  const Json data = load_test_data("sampling.json");
  for (const Json& golden : data["noise"]) {
    ReferenceNoise noise(std::stoull(golden["seed"].get<std::string>()));
    const auto got =
        static_cast<float>(ReferenceNoise::exponential(noise.next()));
    EXPECT_EQ(std::bit_cast<std::uint32_t>(got),
              golden["first"].get<std::uint32_t>());
  }
}

TEST(ReferenceRow, KeepsEveryTieWithTheKth) {
  const std::vector<float> logits = {1.0F, 3.0F, 2.0F, 2.0F, 0.0F};
  SamplerOptions options;
  options.top_k = 2;
  options.codec_safety = CodecSafety::kTorch;
  EXPECT_EQ(reference_row(logits, options).codes,
            (std::vector<std::int32_t>{1, 2, 3}));
  options.greedy = true;
  EXPECT_EQ(reference_row(logits, options).codes,
            (std::vector<std::int32_t>{1}));
}

TEST(AnalyticDistribution, IsTheSoftmaxOfWhatIsKept) {
  const std::vector<float> logits = {0.0F, std::log(3.0F), -50.0F, 9.0F};
  SamplerOptions options;
  options.temperature = 1.0F;
  options.top_k = 2;
  options.codec_safety = CodecSafety::kMaskInvalid;
  options.n_valid_codes = 3;
  const auto p = analytic_distribution(logits, options);
  EXPECT_NEAR(p[0], 0.25, 1e-7);
  EXPECT_NEAR(p[1], 0.75, 1e-7);
  EXPECT_EQ(p[2], 0.0);
  EXPECT_EQ(p[3], 0.0);
}

TEST(AnalyticDistribution, FitsTheBf16Race) {
  const LogitRows rows = bell_rows(1, 1, 40, 40, 8);
  SamplerOptions options;
  options.kind = SamplerKind::kTorchBf16;
  options.top_k = 20;
  options.codec_safety = CodecSafety::kTorch;
  const auto p = analytic_distribution(rows.row(0), options);
  EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1.0, 1e-12);
  const auto counts =
      count_codes(draw_reference(rows, options, 200000, 5).codes, rows.vocab);
  EXPECT_GT(goodness_of_fit(counts, p).p_value(), 1e-3);
}

// Ties go to the lowest index: the race is no softmax, and draws show it.
TEST(AnalyticDistribution, OfEqualLogitsIsUnevenInBf16) {
  const LogitRows rows = {.n_frames = 1,
                          .n_codebooks = 1,
                          .vocab = 3,
                          .n_valid_codes = 3,
                          .data = {1.0F, 1.0F, 1.0F}};
  SamplerOptions options;
  options.kind = SamplerKind::kTorchBf16;
  options.codec_safety = CodecSafety::kTorch;
  const auto counts =
      count_codes(draw_reference(rows, options, 3000000, 5).codes, rows.vocab);
  const auto race = analytic_distribution(rows.row(0), options);
  EXPECT_GT(race[0], race[1]);
  EXPECT_GT(race[1], race[2]);
  EXPECT_GT(goodness_of_fit(counts, race).p_value(), 1e-3);
  const std::vector<double> reversed(race.rbegin(), race.rend());
  EXPECT_LT(goodness_of_fit(counts, reversed).p_value(), 1e-4);
}

TEST(AnalyticDistribution, LegacyRuleMovesMassToZero) {
  const LogitRows rows = bell_rows(1, 1, 64, 64, 64);
  SamplerOptions options;
  options.top_k = 64;
  options.codec_safety = CodecSafety::kLegacyRange;
  const auto p = analytic_distribution(rows.row(0), options);
  for (std::size_t code = 1; code <= 31; ++code) EXPECT_EQ(p[code], 0.0);
  EXPECT_GT(p[0], 0.1);
  EXPECT_NEAR(std::accumulate(p.begin(), p.end(), 0.0), 1.0, 1e-12);
}

}  // namespace
}  // namespace csm::validate
