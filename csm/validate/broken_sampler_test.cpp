// Samplers with one deliberate fault each, and which metric shows it. The
// figures are printed, so that the table in docs/validation.md can be redone.

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <functional>
#include <random>
#include <string>
#include <vector>

#include "csm/validate/measure.h"
#include "csm/validate/probes.h"
#include "csm/validate/testing.h"

namespace csm::validate {
namespace {

using sampling::SamplerOptions;

enum class Fault {
  kNone,
  kTopKOffByOne,      // k + 1 codes are kept
  kEpsilonOnNoise,    // p / (q + 1e-10)
  kEpsilonOnWeights,  // (p + 1e-10) / q
  kFloatNoise,        // -log1p(-u) with u rounded to float32
  kOneWordNoise,      // float32 uniform from one word for each value
  kSwappedWords,      // the first word as the low half
  kLastTieWins,       // equal logits at the k-th place are cut
  kNoTemperature,     // logits not divided
};

// PyTorch's float32 step in plain code, with a fault. The code is not
// csm/sampling's nor the reference's.
class FaultySampler {
 public:
  FaultySampler(Fault fault, const SamplerOptions& options, std::uint64_t seed)
      : fault_(fault), options_(options), words_(std::uint32_t(seed)) {}

  std::int32_t draw(std::span<const float> logits) {
    const std::vector<float> p = probabilities(logits);
    std::int32_t winner = 0;
    float best = -1.0F;
    for (std::size_t code = 0; code < p.size(); ++code) {
      float q = noise();
      float weight = p[code];
      if (fault_ == Fault::kEpsilonOnNoise) q += 1e-10F;
      if (fault_ == Fault::kEpsilonOnWeights) weight += 1e-10F;
      if (weight / q <= best) continue;
      best = weight / q;
      winner = static_cast<std::int32_t>(code);
    }
    return winner;
  }

 private:
  float noise() {
    if (fault_ == Fault::kOneWordNoise) {
      const auto u = static_cast<float>(words_() % (1U << 24U)) * 0x1p-24F;
      return -std::log1p(-u);
    }
    std::uint64_t first = words_();
    std::uint64_t second = words_();
    if (fault_ == Fault::kSwappedWords) std::swap(first, second);
    const std::uint64_t bits = ((first << 32U) | second) % (1ULL << 53U);
    const double u = static_cast<double>(bits) * 0x1p-53;
    if (fault_ == Fault::kFloatNoise) {
      return -std::log1p(-static_cast<float>(u));
    }
    return static_cast<float>(-std::log1p(-u));
  }

  std::vector<float> probabilities(std::span<const float> logits) const {
    std::vector<float> x(logits.begin(), logits.end());
    if (fault_ != Fault::kNoTemperature) {
      for (float& value : x) value /= options_.temperature;
    }
    std::vector<float> sorted = x;
    std::sort(sorted.begin(), sorted.end(), std::greater<>());
    std::size_t k =
        std::min<std::size_t>(x.size(), std::size_t(options_.top_k));
    if (fault_ == Fault::kTopKOffByOne && k < x.size()) ++k;
    const float threshold = sorted[k - 1];
    float sum = 0.0F;
    std::size_t n_kept = 0;
    for (float& value : x) {
      const bool cut = fault_ == Fault::kLastTieWins && n_kept == k;
      const bool kept = value >= threshold && !cut;
      n_kept += kept ? 1 : 0;
      value = kept ? std::exp(value - sorted[0]) : 0.0F;
      sum += value;
    }
    for (float& value : x) value /= sum;
    return x;
  }

  Fault fault_;
  SamplerOptions options_;
  std::mt19937 words_;
};

DrawCodes with_fault(Fault fault) {
  return [fault](const LogitRows& rows, const SamplerOptions& options,
                 int n_draws, std::uint64_t seed) {
    FaultySampler sampler(fault, options, seed);
    std::vector<std::int32_t> codes;
    for (int draw = 0; draw < n_draws; ++draw) {
      for (int row = 0; row < rows.n_rows(); ++row) {
        codes.push_back(sampler.draw(rows.row(row)));
      }
    }
    return codes;
  };
}

/// The figures that tell faults apart.
struct Verdict {
  std::int64_t defects = 0;  // unequal codes at equal noise
  std::int64_t outside = 0;  // draws of filtered codes
  double chi_square_p = 0;
  double permutation_p = 0;
  int small_noise = 0;  // failed probes
  int large_noise = 0;
};

const std::vector<Probe>& probes(ProbeKind kind) {
  static const auto kSmall = make_probes(ProbeKind::kSmallNoise, 2051, 32);
  static const auto kLarge = make_probes(ProbeKind::kLargeNoise, 2051, 32);
  return kind == ProbeKind::kSmallNoise ? kSmall : kLarge;
}

Verdict examine(const char* name, const DrawCodes& sampler) {
  // Sixteen levels to a unit: ties at the k-th place in every row.
  const LogitRows rows = bell_rows(2, 2, 515, 512, 16);
  SamplerOptions options;
  options.temperature = 0.8F;
  options.top_k = 50;
  options.codec_safety = sampling::CodecSafety::kTorch;
  MeasureOptions measure_options;
  measure_options.n_draws = 2000;
  measure_options.n_permutations = 99;
  measure_options.safety = false;
  const OrderedJson json = measure(rows, options, measure_options, sampler);
  const Verdict verdict = {
      .defects = json["match"]["defects"].get<std::int64_t>(),
      .outside = json["chi_square"]["outside"].get<std::int64_t>(),
      .chi_square_p = json["chi_square"]["p_value"].get<double>(),
      .permutation_p = json["permutation"]["p_value"].get<double>(),
      .small_noise =
          count_failed_probes(probes(ProbeKind::kSmallNoise), sampler),
      .large_noise =
          count_failed_probes(probes(ProbeKind::kLargeNoise), sampler)};
  std::printf(
      "%-20s defects %lld/8000, outside %lld, chi-square p %.2g, "
      "permutation p %.2g, failed probes %d + %d of 32\n",
      name, static_cast<long long>(verdict.defects),
      static_cast<long long>(verdict.outside), verdict.chi_square_p,
      verdict.permutation_p, verdict.small_noise, verdict.large_noise);
  return verdict;
}

void expect_clean(const Verdict& verdict) {
  EXPECT_EQ(verdict.defects, 0);
  EXPECT_EQ(verdict.outside, 0);
  EXPECT_GT(verdict.chi_square_p, 1e-3);
  EXPECT_GT(verdict.permutation_p, 0.01);
  EXPECT_EQ(verdict.small_noise, 0);
  EXPECT_EQ(verdict.large_noise, 0);
}

TEST(BrokenSampler, OursPasses) {
  expect_clean(examine("csm/sampling", csm_sampler()));
}

// The plain code below the faults is right, so what a fault changes is its.
TEST(BrokenSampler, WithoutFaultPasses) {
  expect_clean(examine("no fault", with_fault(Fault::kNone)));
}

TEST(BrokenSampler, TopKOffByOneDrawsFilteredCodes) {
  const auto got = examine("top-k + 1", with_fault(Fault::kTopKOffByOne));
  EXPECT_GT(got.defects, 0);
  EXPECT_GT(got.outside, 0);
  EXPECT_EQ(got.chi_square_p, 0.0);
}

TEST(BrokenSampler, EpsilonOnNoiseFailsSmallNoiseProbes) {
  const auto got = examine("q + 1e-10", with_fault(Fault::kEpsilonOnNoise));
  EXPECT_GE(got.small_noise, 14);  // those that the extreme candidate wins
  EXPECT_EQ(got.large_noise, 0);
}

TEST(BrokenSampler, EpsilonOnWeightsFailsSmallNoiseProbes) {
  const auto got = examine("p + 1e-10", with_fault(Fault::kEpsilonOnWeights));
  EXPECT_GE(got.small_noise, 14);  // those that the rival wins
  EXPECT_EQ(got.large_noise, 0);
}

TEST(BrokenSampler, FloatNoiseFailsLargeNoiseProbes) {
  const auto got = examine("float32 noise", with_fault(Fault::kFloatNoise));
  EXPECT_GE(got.large_noise, 10);
  EXPECT_EQ(got.small_noise, 0);
}

TEST(BrokenSampler, OneWordNoiseFailsTheMatchAlone) {
  const auto got = examine("one word", with_fault(Fault::kOneWordNoise));
  EXPECT_GT(got.defects, 4000);
  EXPECT_GT(got.chi_square_p, 1e-3);  // the distribution is right
}

TEST(BrokenSampler, SwappedWordsFailTheMatchAlone) {
  const auto got = examine("swapped words", with_fault(Fault::kSwappedWords));
  EXPECT_GT(got.defects, 4000);
  EXPECT_GT(got.chi_square_p, 1e-3);
}

TEST(BrokenSampler, CuttingTiesFailsTheMatch) {
  const auto got = examine("ties cut", with_fault(Fault::kLastTieWins));
  EXPECT_GT(got.defects, 20);
  EXPECT_EQ(got.outside, 0);
}

TEST(BrokenSampler, MissingTemperatureFailsEveryMetric) {
  const auto got = examine("no temperature", with_fault(Fault::kNoTemperature));
  EXPECT_GT(got.defects, 100);
  EXPECT_LT(got.chi_square_p, 1e-6);
  EXPECT_EQ(got.permutation_p, 0.01);
}

}  // namespace
}  // namespace csm::validate
