#include "csm/engine/engine.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/engine/engine_testing.h"

namespace csm::engine {
namespace {

using testing_engine::relative_error;
using testing_engine::speak_all;
using testing_engine::Speech;

constexpr int kShortMs = 800;

EngineOptions demo_options() {
  EngineOptions options;
  options.model_dir = std::string(CSM_SOURCE_DIR) + "/models/demo";
  options.threads = 1;
  return options;
}

// One engine for all tests of this file: loading it is the slow part.
Engine& demo_engine() {
  static Engine engine(demo_options());
  return engine;
}

struct Spoken : Speech {
  int n_frames = 0;
  StopReason stop_reason = StopReason::kEos;
};

Spoken speak(Engine& engine, const GenerationOptions& options,
             const std::string& text = "Good morning.", int speaker = 0) {
  Session session = engine.start({.speaker = speaker, .text = text}, options);
  Spoken spoken{speak_all(session)};
  spoken.n_frames = session.n_frames();
  spoken.stop_reason = session.stop_reason().value();
  return spoken;
}

GenerationOptions seeded(std::uint64_t seed) {
  GenerationOptions options;
  options.seed = seed;
  options.max_audio_ms = kShortMs;
  return options;
}

template <class Action>
ErrorCode code_of(Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no throw";
  return ErrorCode::kInternal;
}

TEST(Engine, SameSeedSameSpeechOtherSeedOther) {
  const Spoken first = speak(demo_engine(), seeded(7));
  const Spoken again = speak(demo_engine(), seeded(7));
  const Spoken other = speak(demo_engine(), seeded(8));
  ASSERT_FALSE(first.codes.empty());
  EXPECT_EQ(first.codes, again.codes);
  EXPECT_EQ(first.audio, again.audio);
  EXPECT_NE(first.codes, other.codes);
}

TEST(Engine, ThreadsDoNotChangeABit) {
  const Spoken one = speak(demo_engine(), seeded(3));
  for (const int threads : {2, 3}) {
    EngineOptions options = demo_options();
    options.threads = threads;
    Engine engine(options);
    const Spoken many = speak(engine, seeded(3));
    EXPECT_EQ(one.codes, many.codes) << threads;
    EXPECT_EQ(one.audio, many.audio) << threads;
  }
}

// The graph that a GPU executes, on the CPU: other rounding, same speech.
TEST(Engine, ComposedOperationsSpeakTheSame) {
  EngineOptions options = demo_options();
  options.composed = true;
  Engine composed(options);
  const Spoken ours = speak(demo_engine(), seeded(5));
  const Spoken theirs = speak(composed, seeded(5));
  EXPECT_EQ(ours.codes, theirs.codes);
  ASSERT_EQ(ours.audio.size(), theirs.audio.size());
  for (std::size_t i = 0; i < ours.audio.size(); ++i) {
    ASSERT_NEAR(ours.audio[i], theirs.audio[i], 1e-4) << i;
  }
}

TEST(Engine, FramesCountWhatTheyHold) {
  const Spoken spoken = speak(demo_engine(), seeded(1));
  const ModelFacts& facts = demo_engine().facts();
  EXPECT_LE(spoken.n_frames, kShortMs / 80);
  EXPECT_EQ(spoken.codes.size(),
            static_cast<std::size_t>(spoken.n_frames * facts.n_codebooks));
  EXPECT_EQ(
      spoken.audio.size(),
      static_cast<std::size_t>(spoken.n_frames * facts.samples_per_frame));
}

TEST(Engine, LengthLimitEndsSpeech) {
  GenerationOptions options = seeded(1);
  options.max_audio_ms = 239;  // two whole frames
  const Spoken spoken =
      speak(demo_engine(), options, "A sentence that takes a while to say.");
  EXPECT_EQ(spoken.n_frames, 2);
  EXPECT_EQ(spoken.stop_reason, StopReason::kLength);
}

TEST(Engine, CancelEndsBeforeTheNextFrame) {
  Session session = demo_engine().start({.text = "Good morning."}, seeded(1));
  ASSERT_TRUE(session.next().has_value());
  session.cancel();
  EXPECT_FALSE(session.next().has_value());
  EXPECT_EQ(session.stop_reason(), StopReason::kCancelled);
  EXPECT_EQ(session.n_frames(), 1);
}

TEST(Engine, SessionsDoNotDisturbEachOther) {
  const Spoken alone = speak(demo_engine(), seeded(11));
  Session first = demo_engine().start({.text = "Good morning."}, seeded(11));
  Session second =
      demo_engine().start({.speaker = 1, .text = "Good night."}, seeded(12));
  std::vector<std::int32_t> codes;
  while (const auto frame = first.next()) {
    codes.insert(codes.end(), frame->codes.begin(), frame->codes.end());
    (void)second.next();
  }
  EXPECT_EQ(codes, alone.codes);
}

// The greedy code is the largest of the logits that score() gives for it.
TEST(Engine, ScoreAgreesWithGreedyGeneration) {
  GenerationOptions options = seeded(0);
  options.greedy = true;
  options.codec_safety = sampling::CodecSafety::kTorch;
  const Spoken spoken = speak(demo_engine(), options);
  ASSERT_FALSE(spoken.codes.empty());
  const auto logits =
      demo_engine().score({.text = "Good morning."}, spoken.codes);
  const auto n_codes = static_cast<std::size_t>(demo_engine().facts().n_codes);
  ASSERT_EQ(logits.size(), spoken.codes.size() * n_codes);
  for (std::size_t i = 0; i < spoken.codes.size(); ++i) {
    const auto begin =
        logits.begin() + static_cast<std::ptrdiff_t>(i * n_codes);
    const auto best =
        std::max_element(begin, begin + static_cast<std::ptrdiff_t>(n_codes));
    ASSERT_EQ(best - begin, spoken.codes[i]) << "code " << i;
  }
}

TEST(Engine, DecodeAtOnceEqualsStreamedAudio) {
  GenerationOptions options = seeded(2);
  options.max_audio_ms = 4000;
  const Spoken spoken = speak(demo_engine(), options,
                              "The children played in the garden until dark.");
  ASSERT_FALSE(spoken.codes.empty());
  EXPECT_EQ(demo_engine().decode(spoken.codes), spoken.audio);
}

TEST(Engine, TextBeyondTheContextIsRefused) {
  std::string text;
  for (int i = 0; i < 4000; ++i) text += "word ";
  EXPECT_EQ(
      code_of([&] { (void)demo_engine().start({.text = text}, seeded(1)); }),
      ErrorCode::kExhausted);
}

TEST(Engine, BadRequestsAreRefused) {
  const auto start = [](const Utterance& utterance, GenerationOptions options) {
    return code_of([&] { (void)demo_engine().start(utterance, options); });
  };
  EXPECT_EQ(start({.text = ""}, seeded(1)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(start({.text = "\xff"}, seeded(1)), ErrorCode::kInvalidArgument);
  EXPECT_EQ(start({.speaker = -1, .text = "a"}, seeded(1)),
            ErrorCode::kInvalidArgument);
  for (const float temperature : {0.0F, -1.0F, std::nanf("")}) {
    GenerationOptions options = seeded(1);
    options.temperature = temperature;
    EXPECT_EQ(start({.text = "a"}, options), ErrorCode::kInvalidArgument);
  }
  for (const int top_k : {0, -1, demo_engine().facts().n_codes + 1}) {
    GenerationOptions options = seeded(1);
    options.top_k = top_k;
    EXPECT_EQ(start({.text = "a"}, options), ErrorCode::kInvalidArgument);
  }
}

TEST(Engine, BadCodesAreRefused) {
  const ModelFacts& facts = demo_engine().facts();
  std::vector<std::int32_t> codes(static_cast<std::size_t>(facts.n_codebooks));
  EXPECT_EQ(demo_engine().decode(codes).size(),
            static_cast<std::size_t>(facts.samples_per_frame));
  codes[3] = facts.n_codec_codes;
  EXPECT_EQ(code_of([&] { (void)demo_engine().decode(codes); }),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of([&] { (void)demo_engine().decode({}); }),
            ErrorCode::kInvalidArgument);
  codes.pop_back();
  EXPECT_EQ(code_of([&] { (void)demo_engine().decode(codes); }),
            ErrorCode::kInvalidArgument);
}

TEST(Engine, MissingModelNamesTheFile) {
  EngineOptions options = demo_options();
  options.model_dir = "/nonexistent";
  EXPECT_EQ(code_of([&] { const Engine engine(options); }),
            ErrorCode::kNotFound);
}

EngineOptions integer_options(WeightType type, int threads, bool composed) {
  EngineOptions options = demo_options();
  options.weight_type = type;
  options.threads = threads;
  options.composed = composed;
  return options;
}

TEST(Engine, IntegerWeights_ThreadsDoNotChangeABit) {
  for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
    Engine alone(integer_options(type, 1, false));
    Engine shared(integer_options(type, 3, false));
    const Spoken one = speak(alone, seeded(3));
    const Spoken many = speak(shared, seeded(3));
    EXPECT_EQ(one.codes, many.codes) << to_string(type);
    EXPECT_EQ(one.audio, many.audio) << to_string(type);
    EXPECT_LT(alone.cost().weights_bytes, demo_engine().cost().weights_bytes);
  }
}

TEST(Engine, IntegerWeights_LogitsNearMlxAndNearFloat32) {
  const Utterance utterance{.speaker = 0, .text = "Good morning."};
  const std::vector<std::int32_t> codes = speak(demo_engine(), seeded(7)).codes;
  const std::vector<float> exact = demo_engine().score(utterance, codes);
  struct Bound {
    WeightType type;
    double mlx;      // the same integers, inputs not coded
    double float32;  // what the integers themselves cost
  };
  for (const Bound& bound : {Bound{WeightType::kInt8, 2e-3, 0.03},
                             Bound{WeightType::kInt4, 0.06, 0.3}}) {
    Engine ours(integer_options(bound.type, 2, false));
    Engine mlx(integer_options(bound.type, 1, true));
    const std::vector<float> got = ours.score(utterance, codes);
    const std::vector<float> want = mlx.score(utterance, codes);
    EXPECT_LT(relative_error(got, want), bound.mlx) << to_string(bound.type);
    EXPECT_LT(relative_error(got, exact), bound.float32)
        << to_string(bound.type);
    RecordProperty(to_string(bound.type),
                   std::to_string(relative_error(got, want)) + " of MLX, " +
                       std::to_string(relative_error(got, exact)) +
                       " of float32");
  }
}

}  // namespace
}  // namespace csm::engine
