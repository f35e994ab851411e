#include "csm/sampling/noise.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <vector>

#include "csm/base/error.h"
#include "csm/sampling/noise_row.h"
#include "csm/sampling/torch_mkl_rng.h"

namespace csm::sampling {
namespace {

constexpr int kCodebooks = 4;
constexpr int kVocab = 67;
constexpr std::size_t kFrame = 4 * 67;

TEST(DrawFrameNoise, TorchCpuFrames_ContinueOneStream) {
  NoiseStream stream(Rng::kTorchCpu, 42);
  TorchCpuGenerator generator(42);
  std::vector<float> frame(kFrame);
  std::vector<float> expected(kFrame);
  for (int idx = 0; idx < 3; ++idx) {
    draw_frame_noise(stream, kCodebooks, kVocab, frame);
    generator.exponential(expected);
    EXPECT_EQ(frame, expected);
  }
  draw_frame_noise(generator, kCodebooks, kVocab, expected);
  draw_frame_noise(stream, kCodebooks, kVocab, frame);
  EXPECT_EQ(frame, expected);
}

TEST(DrawFrameNoise, OtherGenerators_MakeOneCallForEachCodebook) {
  TorchCpuGenerator mkl(42);
  TorchCudaGenerator cuda(42);
  std::vector<float> row(kVocab);
  for (const Rng rng : {Rng::kTorchCpuMkl, Rng::kTorchCuda}) {
    NoiseStream stream(rng, 42);
    std::vector<float> frame(kFrame);
    draw_frame_noise(stream, kCodebooks, kVocab, frame);
    for (std::size_t codebook = 0; codebook < kCodebooks; ++codebook) {
      if (rng == Rng::kTorchCuda) {
        cuda.exponential(row);
      } else {
        exponential_mkl(mkl, row);
      }
      for (std::size_t idx = 0; idx < row.size(); ++idx) {
        ASSERT_EQ(frame[codebook * row.size() + idx], row[idx]);
      }
    }
  }
}

TEST(DrawFrameWords, RowsOfWords_GiveTheSameValues) {
  NoiseStream words_stream(Rng::kTorchCpu, 5);
  NoiseStream values_stream(Rng::kTorchCpu, 5);
  std::vector<std::uint32_t> words(2 * kFrame);
  std::vector<float> values(kFrame);
  draw_frame_words(words_stream, kCodebooks, kVocab, words);
  draw_frame_noise(values_stream, kCodebooks, kVocab, values);
  const NoiseRow row = NoiseRow::words(words);
  ASSERT_EQ(row.size(), kFrame);
  for (std::size_t idx = 0; idx < kFrame; ++idx) {
    ASSERT_EQ(row[idx], values[idx]);
  }
}

TEST(NoiseStream, Copy_ContinuesTheSameStream) {
  for (const Rng rng : {Rng::kTorchCpu, Rng::kTorchCpuMkl, Rng::kTorchCuda}) {
    NoiseStream stream(rng, 3);
    std::vector<float> first(100);
    stream.draw_call(first);
    NoiseStream fork = stream;
    std::vector<float> second(100);
    stream.draw_call(first);
    fork.draw_call(second);
    EXPECT_EQ(first, second) << to_string(rng);
  }
}

TEST(NoiseStream, WordsOfOtherGenerators_InvalidArgument) {
  std::vector<std::uint32_t> words(8);
  EXPECT_TRUE(NoiseStream(Rng::kTorchCpu, 1).has_words());
  for (const Rng rng : {Rng::kTorchCpuMkl, Rng::kTorchCuda}) {
    NoiseStream stream(rng, 1);
    EXPECT_FALSE(stream.has_words());
    EXPECT_THROW(stream.draw_call_words(words), Error);
  }
}

TEST(DrawFrameNoise, WrongSize_InvalidArgument) {
  TorchCpuGenerator generator(1);
  std::vector<float> frame(kFrame - 1);
  EXPECT_THROW(draw_frame_noise(generator, kCodebooks, kVocab, frame), Error);
  EXPECT_THROW(draw_frame_noise(generator, 0, kVocab, frame), Error);
  EXPECT_THROW(draw_frame_noise(generator, -1, -67, frame), Error);
  try {
    draw_frame_noise(generator, kCodebooks, kVocab, frame);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
  }
}

TEST(Rng, Names_RoundTrip) {
  for (const Rng rng : {Rng::kTorchCpu, Rng::kTorchCpuMkl, Rng::kTorchCuda}) {
    EXPECT_EQ(parse_rng(to_string(rng)), rng);
  }
  EXPECT_EQ(parse_rng("torch"), std::nullopt);
}

TEST(NoiseRow, ZeroWithinThePrefix_IsFound) {
  const std::vector<float> values = {1.0F, 0.5F, 0.0F};
  EXPECT_FALSE(NoiseRow::values(values).has_zero(2));
  EXPECT_TRUE(NoiseRow::values(values).has_zero(3));
  // The 11 high bits of a draw do not count.
  const std::vector<std::uint32_t> words = {1, 0, 0xFFE00000U, 0, 0, 1};
  EXPECT_FALSE(NoiseRow::words(words).has_zero(1));
  EXPECT_TRUE(NoiseRow::words(words).has_zero(2));
  EXPECT_EQ(NoiseRow::words(words)[1], 0.0F);
  const std::vector<std::uint32_t> high_bit = {0x00100000U, 0};
  EXPECT_FALSE(NoiseRow::words(high_bit).has_zero(1));
}

}  // namespace
}  // namespace csm::sampling
