#include "csm/engine/conversation.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <cstdint>
#include <string>
#include <utility>
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

// The next turn, which must be what it is when all is read anew.
Session next_turn(Conversation& talk, int turn, std::uint64_t seed) {
  const Utterance utterance{.speaker = turn % 2,
                            .text = "This is turn " + std::to_string(turn)};
  Session anew = demo_engine().start(utterance, seeded(seed), talk.segments());
  EXPECT_EQ(anew.known_positions(), 0);
  Session session = talk.start(utterance, seeded(seed));
  const testing_engine::Speech speech = speak_all(session);
  EXPECT_EQ(speech, speak_all(anew)) << turn;
  talk.add({.utterance = utterance, .codes = speech.codes});
  return session;
}

TEST(Conversation, ReadsAgainWhatIsNewOnly) {
  Conversation talk(demo_engine());
  talk.add(said(1, "How are you?", 10));
  int n_before = 0;
  for (int turn = 1; turn <= 4; ++turn) {
    Session session = next_turn(talk, turn, 5);
    // All but the last frame of a speech that its limit ended, and the frame
    // that ends audio.
    EXPECT_EQ(session.known_positions(), turn == 1 ? 0 : n_before - 2);
    n_before = talk.n_positions();
    talk.keep(std::move(session));
  }
}

TEST(Conversation, ReadsFromWhereSomethingWasForgotten) {
  Conversation talk(demo_engine());
  talk.keep(next_turn(talk, 1, 1));
  const int n_first = talk.n_positions();
  for (int turn = 2; turn <= 4; ++turn) talk.keep(next_turn(talk, turn, 1));
  const Utterance next{.speaker = 1, .text = "This is turn 5"};
  ASSERT_EQ(talk.make_room(next, seeded(1), talk.n_positions() - 1).n_segments,
            1);
  const Session session = next_turn(talk, 5, 1);
  EXPECT_GE(session.known_positions(), n_first);
  EXPECT_LT(session.known_positions(), n_first + 20);
}

// An attempt that is not taken has the prompt in common with the next one.
TEST(Conversation, SaysATurnAgain) {
  Conversation talk(demo_engine());
  talk.keep(next_turn(talk, 1, 1));
  const Utterance next{.speaker = 1, .text = "And now?"};
  Session first = talk.start(next, seeded(2));
  (void)first.next();
  first.cancel();
  (void)first.next();
  const int n_prompt = first.prompt_positions();
  talk.keep(std::move(first));
  Session second = talk.start(next, seeded(3));
  EXPECT_EQ(second.known_positions(), n_prompt - 1);
  Session anew = demo_engine().start(next, seeded(3), talk.segments());
  EXPECT_EQ(speak_all(second), speak_all(anew));
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
