#include "csm/engine/conversation.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/engine/engine_testing.h"

namespace csm::engine {
namespace {

using testing_engine::speak_all;

constexpr int kShortMs = 400;

// One engine for all tests of this file: loading it is the slow part.
Engine& demo_engine() {
  static Engine engine = [] {
    EngineOptions options;
    options.model_dir = std::string(CSM_SOURCE_DIR) + "/models/demo";
    options.threads = 1;
    return Engine(options);
  }();
  return engine;
}

// Something said, of so many frames.
Segment said(int speaker, const std::string& text, int n_frames) {
  const auto n_codes =
      static_cast<std::size_t>(n_frames * demo_engine().facts().n_codebooks);
  Segment segment{.utterance = {.speaker = speaker, .text = text}, .codes = {}};
  for (std::size_t i = 0; i < n_codes; ++i) {
    segment.codes.push_back(static_cast<std::int32_t>((i * 37 + 11) % 512));
  }
  return segment;
}

int text_positions(const Utterance& utterance) {
  return static_cast<int>(demo_engine().prompt_tokens(utterance).size());
}

GenerationOptions seeded(std::uint64_t seed, int max_audio_ms = kShortMs) {
  GenerationOptions options;
  options.seed = seed;
  options.max_audio_ms = max_audio_ms;
  return options;
}

TEST(Conversation, PositionsAreTextFramesAndAnEndFrame) {
  Conversation talk(demo_engine());
  const Segment segment = said(1, "Good morning.", 12);
  talk.add(segment);
  EXPECT_EQ(talk.n_positions(), text_positions(segment.utterance) + 12 + 1);
  talk.add(said(0, "Yes.", 1));
  EXPECT_EQ(talk.segments().size(), 2U);
  const Utterance next{.speaker = 0, .text = "What now?"};
  EXPECT_EQ(demo_engine().make_prompt(next, talk.segments()).n_positions(),
            talk.n_positions() + text_positions(next));
}

TEST(Conversation, WhatIsSaidNextHearsWhatWasSaid) {
  const Utterance next{.speaker = 0, .text = "I am well."};
  Conversation talk(demo_engine());
  talk.add(said(1, "How are you?", 10));
  Session with = demo_engine().start(next, seeded(3), talk.segments());
  EXPECT_EQ(with.prompt_positions(), talk.n_positions() + text_positions(next));
  Session without = demo_engine().start(next, seeded(3));
  EXPECT_NE(speak_all(with).codes, speak_all(without).codes);
}

TEST(Conversation, SilentTurnsAreLeftOut) {
  Conversation talk(demo_engine());
  talk.add(said(0, "Nothing.", 0));
  EXPECT_TRUE(talk.segments().empty());
  EXPECT_EQ(talk.n_positions(), 0);
}

TEST(Conversation, BadSegmentsThrow) {
  Conversation talk(demo_engine());
  Segment odd = said(0, "Hello.", 2);
  odd.codes.pop_back();
  EXPECT_THROW(talk.add(odd), Error);
  Segment large = said(0, "Hello.", 2);
  large.codes[3] = 9999;
  EXPECT_THROW(talk.add(large), Error);
  EXPECT_THROW(talk.add(said(0, "", 2)), Error);
  EXPECT_THROW(talk.add(said(-1, "Hello.", 2)), Error);
  EXPECT_TRUE(talk.segments().empty());
}

// The limit to the position: what fits stays, one frame more and it goes.
TEST(Conversation, MakesRoomForTheFramesThatAreWanted) {
  const ModelFacts& facts = demo_engine().facts();
  const Utterance next{.speaker = 0, .text = "And then?"};
  Conversation talk(demo_engine());
  talk.add(said(0, "The first thing.", 100));
  talk.add(said(1, "The second thing.", 200));
  talk.add(said(0, "The third thing.", 300));
  talk.add(said(1, "The fourth thing.", 400));
  // The last frame is not fed back.
  const int n_frames =
      facts.max_positions + 1 - talk.n_positions() - text_positions(next);
  const int frame_ms = 80;
  Forgotten forgotten = talk.make_room(next, seeded(1, n_frames * frame_ms));
  EXPECT_EQ(forgotten.n_segments, 0);
  Session session = demo_engine().start(next, seeded(1, n_frames * frame_ms),
                                        talk.segments());
  EXPECT_EQ(session.max_frames(), n_frames);

  const int before = talk.n_positions();
  forgotten = talk.make_room(next, seeded(1, (n_frames + 1) * frame_ms));
  EXPECT_EQ(forgotten.n_segments, 1);
  EXPECT_EQ(forgotten.n_positions, before - talk.n_positions());
  ASSERT_EQ(talk.segments().size(), 3U);
  EXPECT_EQ(talk.segments()[1].utterance.text, "The second thing.");
  EXPECT_EQ(talk.segments()[2].utterance.text, "The fourth thing.");
  // It does not come back.
  EXPECT_EQ(talk.make_room(next, seeded(1)).n_segments, 0);
  EXPECT_EQ(talk.segments().size(), 3U);
}

TEST(Conversation, MayBeHeldShorterThanTheContext) {
  const Utterance next{.speaker = 0, .text = "And then?"};
  Conversation talk(demo_engine());
  for (int i = 0; i < 4; ++i) talk.add(said(0, "Something.", 20));
  const int each = talk.n_positions() / 4;
  EXPECT_EQ(talk.make_room(next, seeded(1), 4 * each).n_segments, 0);
  EXPECT_EQ(talk.make_room(next, seeded(1), 4 * each - 1).n_segments, 1);
  EXPECT_EQ(talk.n_positions(), 3 * each);
}

TEST(Conversation, LongerThanTheContextForgetsAll) {
  Conversation talk(demo_engine());
  talk.add(said(0, "Something.", 20));
  const int day_ms = 24 * 3600 * 1000;
  const Utterance next{.speaker = 0, .text = "And then?"};
  EXPECT_EQ(talk.make_room(next, seeded(1, day_ms)).n_segments, 1);
  EXPECT_TRUE(talk.segments().empty());
}

}  // namespace
}  // namespace csm::engine
