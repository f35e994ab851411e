#include "csm/audio/pcm16.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <vector>

namespace csm::audio {
namespace {

TEST(ToPcm16, EveryInteger_SurvivesTheRoundTrip) {
  std::vector<float> samples;
  std::vector<std::int16_t> expected;
  for (int value = -32768; value <= 32767; ++value) {
    samples.push_back(static_cast<float>(value) / 32768.0F);
    expected.push_back(static_cast<std::int16_t>(value));
  }
  EXPECT_EQ(to_pcm16(samples), expected);
}

TEST(ToPcm16, HalfwayAndOutside_RoundToEvenAndHold) {
  const std::vector<float> samples = {
      0.5F / 32768, 1.5F / 32768, -0.5F / 32768, 1.0F, 1.7F, -1.0F, -9.0F};
  const std::vector<std::int16_t> expected = {0,     2,      0,     32767,
                                              32767, -32768, -32768};
  EXPECT_EQ(to_pcm16(samples), expected);
}

TEST(ToPcm16, EveryEighthOfAStep_RoundsAsTheStandardLibraryDoes) {
  std::vector<float> samples;
  std::vector<std::int16_t> expected;
  for (int eighth = -8 * 32768; eighth < 8 * 32767; ++eighth) {
    const float value = static_cast<float>(eighth) / 8;
    samples.push_back(value / 32768);
    expected.push_back(static_cast<std::int16_t>(std::nearbyint(value)));
  }
  EXPECT_EQ(to_pcm16(samples), expected);
}

TEST(CountClipped, OnlySamplesBeyondOne_Count) {
  EXPECT_EQ(count_clipped(std::vector<float>{1.0F, -1.0F, 0.0F}), 0);
  EXPECT_EQ(count_clipped(std::vector<float>{1.0001F, -1.5F, 0.9F}), 2);
}

}  // namespace
}  // namespace csm::audio
