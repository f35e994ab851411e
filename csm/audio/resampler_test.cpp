#include "csm/audio/resampler.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <numbers>
#include <vector>

#include "csm/base/error.h"

namespace csm::audio {
namespace {

using Samples = std::vector<float>;

Samples tone(double hz, int rate, int n) {
  Samples out;
  for (int i = 0; i < n; ++i) {
    out.push_back(static_cast<float>(
        0.5 * std::sin(2 * std::numbers::pi * hz * i / rate)));
  }
  return out;
}

Samples resample(const Samples& in, int from, int to, std::size_t block) {
  Resampler resampler(from, to);
  Samples out;
  const auto keep = [&](const Samples& part) {
    out.insert(out.end(), part.begin(), part.end());
  };
  for (std::size_t first = 0; first < in.size(); first += block) {
    keep(resampler.push(std::span<const float>(in).subspan(
        first, std::min(block, in.size() - first))));
  }
  keep(resampler.finish());
  return out;
}

// Of the difference to a tone, away from the ends.
double error_db(const Samples& got, const Samples& want) {
  double error = 1e-30;
  double signal = 0;
  for (std::size_t i = 2000; i + 2000 < got.size(); ++i) {
    const auto x = static_cast<double>(want[i]);
    error += std::pow(static_cast<double>(got[i]) - x, 2);
    signal += x * x;
  }
  return 10 * std::log10(error / signal);
}

TEST(Resampler, Tones_AreTheSameToneAtTheOtherRate) {
  for (const int from : {8000, 11025, 16000, 22050, 44100, 48000, 96000}) {
    const Samples got = resample(tone(440, from, from), from, 24000, 5000);
    EXPECT_NEAR(static_cast<double>(got.size()), 24000, 2) << from;
    EXPECT_LT(error_db(got, tone(440, 24000, 24010)), -120) << from;
  }
}

TEST(Resampler, AboveTheNewRange_IsRemoved) {
  const Samples got = resample(tone(15000, 48000, 48000), 48000, 24000, 4096);
  for (std::size_t i = 2000; i + 2000 < got.size(); ++i) {
    ASSERT_LT(std::abs(got[i]), 1e-6F) << i;
  }
}

TEST(Resampler, AnyBlocks_EqualTheWhole) {
  const Samples in = tone(1000, 44100, 30000);
  const Samples whole = resample(in, 44100, 24000, in.size());
  for (const std::size_t block : {1U, 1000U, 16384U}) {
    EXPECT_EQ(resample(in, 44100, 24000, block), whole) << block;
  }
}

TEST(Resampler, EqualRates_ChangeNothing) {
  const Samples in = tone(1000, 24000, 5000);
  EXPECT_EQ(resample(in, 24000, 24000, 777), in);
}

TEST(Resampler, ExtremeRates_AreConvertedInPieces) {
  EXPECT_NEAR(
      static_cast<double>(resample(Samples(3, 0.25F), 1, 24000, 1).size()),
      72000, 24000);
  EXPECT_NEAR(static_cast<double>(
                  resample(Samples(768000, 0.25F), 768000, 24000, 9999).size()),
              24000, 2);
}

TEST(Resampler, RatesBelowOne_InvalidArgument) {
  for (const auto& [from, to] : {std::pair{0, 24000}, {24000, -1}}) {
    try {
      const Resampler resampler(from, to);
      ADD_FAILURE() << "accepted " << from << " to " << to;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    }
  }
}

}  // namespace
}  // namespace csm::audio
