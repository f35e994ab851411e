#include "csm/engine/codec_stream.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <limits>
#include <random>
#include <set>
#include <span>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/engine/codec.h"
#include "csm/engine/engine.h"

namespace csm::engine {
namespace {

using Codes = std::vector<std::int32_t>;
using Samples = std::vector<float>;
using testing::HasSubstr;

constexpr int kFrame = 1920;
constexpr std::size_t kBooks = 4;  // of the random model "tiny"

EngineOptions tiny(int threads = 1) {
  EngineOptions options;
  options.random_weights = "tiny";
  options.encoder = true;
  options.threads = threads;
  return options;
}

Engine& tiny_engine() {
  static Engine engine(tiny());
  return engine;
}

/// Noise that grows louder and softer.
Samples sound(int n) {
  std::mt19937 random(5);
  Samples out;
  for (int i = 0; i < n; ++i) {
    const double white = static_cast<double>(random()) * 0x1p-32 - 0.5;
    out.push_back(static_cast<float>(white * std::sin(i * 1e-3)));
  }
  return out;
}

/// Codes when the sound comes in blocks of these sizes, the last one repeated.
template <class Engine>
Codes encode_blocks(Engine& engine, std::span<const float> samples,
                    const std::vector<std::size_t>& sizes,
                    const EncodeOptions& options = {}) {
  EncodeStream stream = engine.start_encoding(options);
  Codes codes;
  for (std::size_t i = 0; !samples.empty(); ++i) {
    const std::size_t n =
        std::min(sizes[std::min(i, sizes.size() - 1)], samples.size());
    const Codes part = stream.push(samples.first(n));
    codes.insert(codes.end(), part.begin(), part.end());
    samples = samples.subspan(n);
  }
  const Codes last = stream.finish();
  codes.insert(codes.end(), last.begin(), last.end());
  return codes;
}

template <class Action>
std::string refusal(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no throw";
  return {};
}

TEST(EncodeStream, AnyBlocks_TheCodesOfOne) {
  const Samples samples = sound(37 * kFrame + 700);
  const Codes whole = tiny_engine().encode(samples);
  EXPECT_EQ(whole.size(), 38 * kBooks);
  EXPECT_GT(std::set<std::int32_t>(whole.begin(), whole.end()).size(), 10U);
  for (const std::vector<std::size_t>& sizes :
       std::vector<std::vector<std::size_t>>{{kFrame},
                                             {2 * kFrame},
                                             {16384},
                                             {1, 1918, 2, 5000},
                                             {100 * kFrame}}) {
    EXPECT_EQ(encode_blocks(tiny_engine(), samples, sizes), whole) << sizes[0];
  }
  Engine threads(tiny(3));
  EXPECT_EQ(threads.encode(samples), whole);
}

TEST(EncodeStream, WholeFrames_DoNotDependOnWhatFollows) {
  const Samples samples = sound(5 * kFrame);
  const Codes whole = tiny_engine().encode(samples);
  for (const int n : {1, 240, 959, 960, 961, 1919}) {
    const Codes part = tiny_engine().encode(
        std::span(samples).first(static_cast<std::size_t>(3 * kFrame + n)));
    ASSERT_EQ(part.size(), 4 * kBooks) << n;
    EXPECT_TRUE(
        std::equal(part.begin(), part.begin() + 3 * kBooks, whole.begin()))
        << n;
  }
}

TEST(EncodeStream, EndWithSilence_IsZerosAfterTheSamples) {
  Samples samples = sound(3 * kFrame + 500);
  const Codes silent =
      tiny_engine().encode(samples, {.end_with_silence = true});
  samples.resize(4 * kFrame);
  EXPECT_EQ(silent, tiny_engine().encode(samples));
  // A sound of whole frames ends the same either way.
  EXPECT_EQ(silent, tiny_engine().encode(samples, {.end_with_silence = true}));
}

TEST(EncodeStream, FewerCodebooks_AreAPrefix) {
  const Samples samples = sound(6 * kFrame);
  const Codes all = tiny_engine().encode(samples);
  for (const std::size_t n : {1U, 2U, 4U}) {
    const Codes some =
        tiny_engine().encode(samples, {.n_codebooks = static_cast<int>(n)});
    ASSERT_EQ(some.size(), 6 * n);
    for (std::size_t i = 0; i < some.size(); ++i) {
      ASSERT_EQ(some[i], all[i / n * kBooks + i % n]) << n;
    }
  }
}

TEST(EncodeStream, ComposedOperations_TheSameCodes) {
  EngineOptions options = tiny();
  options.composed = true;
  Engine composed(options);
  const Samples samples = sound(20 * kFrame + 100);
  EXPECT_EQ(composed.encode(samples), tiny_engine().encode(samples));
}

TEST(EncodeStream, BadRequests_AreRefused) {
  EXPECT_THAT(refusal([] { (void)tiny_engine().encode({}); }),
              HasSubstr("at least one sample"));
  Samples samples = sound(3000);
  samples[2500] = std::numeric_limits<float>::quiet_NaN();
  EXPECT_THAT(
      refusal([&] { (void)encode_blocks(tiny_engine(), samples, {1000}); }),
      HasSubstr("sample 2500"));
  for (const int n : {-1, 5}) {
    EXPECT_THAT(refusal([&] {
                  (void)tiny_engine().start_encoding({.n_codebooks = n});
                }),
                HasSubstr("1 to 4 codebooks"));
  }
  EncodeStream stream = tiny_engine().start_encoding();
  EXPECT_TRUE(stream.finish().empty());
  EXPECT_THAT(refusal([&] { (void)stream.push(sound(1)); }),
              HasSubstr("after the end"));
  EXPECT_THAT(refusal([&] { (void)stream.finish(); }), HasSubstr("one end"));
}

TEST(EncodeStream, EngineWithoutEncoder_SaysSo) {
  EngineOptions options = tiny();
  options.encoder = false;
  Engine engine(options);
  EXPECT_THAT(refusal([&] { (void)engine.encode(sound(kFrame)); }),
              HasSubstr("EngineOptions::encoder"));
  // What speaking costs does not depend on the encoder.
  EXPECT_EQ(engine.cost().codec_bytes, tiny_engine().cost().codec_bytes);
  EXPECT_LT(engine.cost().weights_bytes, tiny_engine().cost().weights_bytes);
}

TEST(DecodeStream, AnyBlocks_TheSamplesOfOne) {
  const Codes codes = tiny_engine().encode(sound(40 * kFrame));
  const Samples whole = tiny_engine().decode(codes);
  EXPECT_EQ(whole.size(), 40U * kFrame);
  DecodeStream stream = tiny_engine().start_decoding(kBooks);
  Samples pieces;
  std::size_t first = 0;
  for (const std::size_t n_frames : {1U, 20U, 16U, 3U}) {
    const Samples part = stream.push(
        std::span<const std::int32_t>(codes).subspan(first, n_frames * kBooks));
    pieces.insert(pieces.end(), part.begin(), part.end());
    first += n_frames * kBooks;
  }
  EXPECT_EQ(pieces, whole);
}

TEST(DecodeStream, BadCodes_NameTheirFrame) {
  DecodeStream stream = tiny_engine().start_decoding(2);
  EXPECT_EQ(stream.push(Codes{1, 2, 3, 4}).size(), 2U * kFrame);
  EXPECT_THAT(refusal([&] { (void)stream.push(Codes{1, 2, 3, 64}); }),
              HasSubstr("[0, 64), got 64 (frame 3, codebook 1)"));
  EXPECT_THAT(refusal([&] { (void)stream.push(Codes{1, 2, 3}); }),
              HasSubstr("one frame of 2 codes, got 3"));
  for (const int n : {0, 1, 5}) {
    EXPECT_THAT(refusal([&] { (void)tiny_engine().start_decoding(n); }),
                HasSubstr("2 to 4 codebooks"));
  }
}

// The codec alone, of random weights and of a file in two types.
TEST(Codec, DoesWhatAnEngineDoes) {
  EngineOptions demo;
  demo.model_dir = std::string(CSM_SOURCE_DIR) + "/models/demo";
  demo.encoder = true;
  demo.threads = 1;
  EngineOptions bf16 = demo;
  bf16.weight_type = WeightType::kBf16;
  const Samples samples = sound(5 * kFrame + 7);
  for (const EngineOptions& options : {tiny(), demo, bf16}) {
    Engine engine(options);
    const Codes codes = engine.encode(samples);
    Codec encoder(options, CodecPart::kEncoder);
    EXPECT_EQ(encode_blocks(encoder, samples, {1000}), codes);
    Codec decoder(options, CodecPart::kDecoder);
    DecodeStream stream = decoder.start_decoding(engine.facts().n_codebooks);
    EXPECT_EQ(stream.push(codes), engine.decode(codes));
    EXPECT_EQ(decoder.facts().max_positions, engine.facts().max_positions);
  }
}

TEST(Codec, HasOneHalfOnly) {
  Codec encoder(tiny(), CodecPart::kEncoder);
  EXPECT_THAT(refusal([&] { (void)encoder.start_decoding(4); }),
              HasSubstr("expected a decoder"));
  Codec decoder(tiny(), CodecPart::kDecoder);
  EXPECT_THAT(refusal([&] { (void)decoder.start_encoding(); }),
              HasSubstr("expected an encoder"));
}

}  // namespace
}  // namespace csm::engine
