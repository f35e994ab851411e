// Sessions that go on from frames that were spoken before.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/engine/engine.h"
#include "csm/engine/engine_testing.h"

namespace csm::engine {
namespace {

using testing_engine::speak_all;
using testing_engine::Speech;

const Utterance kUtterance = {.speaker = 0, .text = "Good morning."};

Engine& demo_engine() {
  static Engine engine([] {
    EngineOptions options;
    options.model_dir = std::string(CSM_SOURCE_DIR) + "/models/demo";
    options.threads = 1;
    return options;
  }());
  return engine;
}

GenerationOptions seeded(int max_audio_ms) {
  GenerationOptions options;
  options.seed = 11;
  options.max_audio_ms = max_audio_ms;
  return options;
}

struct Spoken : Speech {
  StopReason stop_reason = StopReason::kEos;
  int n_frames = 0;

  bool operator==(const Spoken&) const = default;
};

Spoken speak(const GenerationOptions& options,
             const std::vector<std::int32_t>& spoken = {},
             const std::vector<Segment>& context = {}) {
  Session session = demo_engine().start(kUtterance, options, context, spoken);
  Spoken whole{speak_all(session)};
  whole.stop_reason = session.stop_reason().value();
  whole.n_frames = session.n_frames();
  return whole;
}

std::vector<std::int32_t> first_frames(const Spoken& whole, int n) {
  const int width = demo_engine().facts().n_codebooks;
  return {whole.codes.begin(), whole.codes.begin() + n * width};
}

TEST(Resume, AnyFrameGoesOnTheSame) {
  const Spoken whole = speak(seeded(800));
  ASSERT_EQ(whole.n_frames, 10);
  for (const int n : {1, 4, 9, 10}) {
    EXPECT_EQ(speak(seeded(800), first_frames(whole, n)), whole) << n;
  }
}

TEST(Resume, WithAnyNoise) {
  for (const auto rng :
       {sampling::Rng::kTorchCpuMkl, sampling::Rng::kTorchCuda}) {
    GenerationOptions options = seeded(400);
    options.rng = rng;
    const Spoken whole = speak(options);
    EXPECT_EQ(speak(options, first_frames(whole, 2)), whole);
  }
  GenerationOptions greedy = seeded(400);
  greedy.greedy = true;
  const Spoken whole = speak(greedy);
  EXPECT_EQ(speak(greedy, first_frames(whole, 2)), whole);
}

TEST(Resume, BehindAContext) {
  const Spoken before = speak(seeded(400));
  Segment segment;
  segment.utterance = {.speaker = 1, .text = "Hello."};
  segment.codes = before.codes;
  const std::vector<Segment> context = {segment};
  const Spoken whole = speak(seeded(480), {}, context);
  EXPECT_NE(whole.codes, speak(seeded(480)).codes);
  EXPECT_EQ(speak(seeded(480), first_frames(whole, 3), context), whole);
}

// What the limit cut off goes on where it stopped.
TEST(Resume, BeyondTheLimitOfTheFirstRun) {
  const Spoken part = speak(seeded(400));
  EXPECT_EQ(part.stop_reason, StopReason::kLength);
  EXPECT_EQ(speak(seeded(800), part.codes), speak(seeded(800)));
}

TEST(Resume, ASmallerLimitEndsIt) {
  const Spoken whole = speak(seeded(800));
  EXPECT_EQ(speak(seeded(400), whole.codes), speak(seeded(400)));
}

TEST(Resume, SpeechThatEndedEndsAgain) {
  const Spoken whole = speak(seeded(10000));
  ASSERT_EQ(whole.stop_reason, StopReason::kEos);
  EXPECT_EQ(speak(seeded(10000), whole.codes), whole);
  // The frame that ends speech ends it here, too.
  const int width = demo_engine().facts().n_codebooks;
  std::vector<std::int32_t> codes = whole.codes;
  codes.insert(codes.end(), static_cast<std::size_t>(width), 0);
  EXPECT_EQ(speak(seeded(10000), codes), whole);
}

TEST(Resume, InABatch) {
  const Spoken whole = speak(seeded(800));
  Session resumed =
      demo_engine().start(kUtterance, seeded(800), {}, first_frames(whole, 3));
  Session fresh = demo_engine().start(kUtterance, seeded(800));
  Session* sessions[] = {&resumed, &fresh};
  Speech spoken[2];
  for (bool any = true; any;) {
    any = false;
    const auto results = demo_engine().step(sessions);
    for (std::size_t i = 0; i < 2; ++i) {
      if (!results[i].frame) continue;
      any = true;
      spoken[i].add(*results[i].frame);
    }
  }
  EXPECT_EQ(spoken[0], spoken[1]);
  EXPECT_EQ(spoken[0].codes, whole.codes);
}

TEST(Resume, BadCodesAreRefused) {
  const auto width =
      static_cast<std::size_t>(demo_engine().facts().n_codebooks);
  for (const auto& spoken :
       {std::vector<std::int32_t>(width + 1, 1),
        std::vector<std::int32_t>(width, -1),
        std::vector<std::int32_t>(width, demo_engine().facts().n_codes)}) {
    EXPECT_THROW((void)demo_engine().start(kUtterance, seeded(800), {}, spoken),
                 Error);
  }
}

}  // namespace
}  // namespace csm::engine
