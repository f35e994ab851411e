#include "csm/engine/tail_guard.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

namespace csm::engine {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

constexpr ModelFacts kFacts = {.n_codebooks = 2,
                               .n_codes = 515,
                               .n_codec_codes = 512,
                               .n_text_tokens = 300,
                               .max_positions = 2048,
                               .sample_rate_hz = 24000,
                               .samples_per_frame = 1920};
constexpr std::size_t kFrame = 1920;

// Sound that a test makes frame by frame, in place of speech.
struct Sound {
  std::vector<std::int32_t> codes;
  std::vector<float> audio;
  StopReason stop_reason = StopReason::kEos;

  // One frame of a tone that swells from one level to another.
  void add(std::int32_t code, double from, double to) {
    codes.insert(codes.end(), {code, code + 1});
    for (std::size_t i = 0; i < kFrame; ++i) {
      const double at = static_cast<double>(i) / kFrame;
      const double level = from + (to - from) * at;
      audio.push_back(
          static_cast<float>(level * std::sin(0.05 * static_cast<double>(i))));
    }
  }
  void say(int n_frames) {
    for (int i = 0; i < n_frames; ++i) {
      add(static_cast<std::int32_t>(codes.size() * 7 % 500), 0.3, 0.3);
    }
  }
  void be_silent(int n_frames) {
    for (int i = 0; i < n_frames; ++i) add(3, 0, 0);
  }
  void end(int n_silent) {
    add(40, 0.3, 0);
    be_silent(n_silent);
  }
  [[nodiscard]] TailReport check(const std::string& text) const {
    return check_tail(
        {.codes = codes, .audio = audio, .stop_reason = stop_reason}, text,
        kFacts);
  }
};

// For its 21 letters 1.5 seconds are ordinary.
const std::string kText = "Twenty ordinary letters.";

Sound good_sound() {
  Sound sound;
  sound.say(16);
  sound.end(2);
  return sound;
}

TEST(TailGuard, GoodSpeechHasNoProblem) {
  const TailReport report = good_sound().check(kText);
  EXPECT_THAT(report.problems, IsEmpty());
  EXPECT_EQ(report.badness, 0);
  EXPECT_NEAR(report.measures.seconds, 19 * 0.08, 1e-9);
  EXPECT_NEAR(report.measures.silence_seconds, 0.16, 0.021);
  EXPECT_EQ(report.measures.n_letters, 21);
}

TEST(TailGuard, CutOff) {
  Sound sound = good_sound();
  sound.codes.resize(2 * 16);
  sound.audio.resize(kFrame * 16);
  EXPECT_THAT(sound.check(kText).problems, ElementsAre(TailProblem::kCutOff));
}

TEST(TailGuard, TooShort) {
  EXPECT_THAT(good_sound().check(kText + kText + kText).problems,
              ElementsAre(TailProblem::kTooShort));
}

TEST(TailGuard, TooLong) {
  EXPECT_THAT(good_sound().check("O").problems, IsEmpty());
  Sound sound;
  sound.say(40);
  sound.end(1);
  EXPECT_THAT(sound.check("Oh.").problems, ElementsAre(TailProblem::kTooLong));
  // The limit is the end of no speech.
  Sound stopped = good_sound();
  stopped.stop_reason = StopReason::kLength;
  EXPECT_THAT(stopped.check(kText).problems,
              ElementsAre(TailProblem::kTooLong));
}

TEST(TailGuard, Silence) {
  for (const int n_frames : {10, 14}) {
    Sound inside;
    inside.say(8);
    inside.be_silent(n_frames);
    inside.say(8);
    inside.end(1);
    Sound behind = good_sound();
    behind.be_silent(n_frames - 2);
    for (const Sound& sound : {inside, behind}) {
      const auto problems = sound.check(kText).problems;
      if (n_frames == 10) {
        EXPECT_THAT(problems, IsEmpty());
      } else {
        EXPECT_THAT(problems, ElementsAre(TailProblem::kSilence));
      }
    }
  }
}

TEST(TailGuard, NothingAtAll) {
  Sound nothing;
  EXPECT_THAT(nothing.check(kText).problems,
              ElementsAre(TailProblem::kTooShort));
  nothing.be_silent(20);
  EXPECT_THAT(nothing.check(kText).problems,
              ElementsAre(TailProblem::kSilence));
}

TEST(TailGuard, Repetition) {
  // One sound that stays.
  Sound stuck;
  stuck.say(6);
  for (int i = 0; i < 14; ++i) stuck.add(77, 0.3, 0.3);
  stuck.end(1);
  EXPECT_THAT(stuck.check(kText).problems,
              ElementsAre(TailProblem::kRepetition));
  // A word of five frames six times, one frame of it another.
  Sound again;
  for (int i = 0; i < 30; ++i) again.add(i == 9 ? 9 : 100 + i % 5, 0.3, 0.3);
  again.end(1);
  EXPECT_THAT(again.check(kText).problems,
              ElementsAre(TailProblem::kRepetition));
  // Silence has the same codes all the time.
  Sound silent = good_sound();
  silent.be_silent(9);
  EXPECT_THAT(silent.check(kText).problems, IsEmpty());
}

// A tone of its own at the end, in place of the others' silence.
TEST(TailGuard, WhatOnlyOneTakeSaysLastIsFarFromTheRest) {
  const Sound one = good_sound();
  Sound later;
  later.say(18);
  later.end(1);
  Sound odd = good_sound();
  for (std::size_t i = 0; i < 4 * kFrame; ++i) {
    odd.audio.push_back(
        static_cast<float>(0.3 * std::sin(0.7 * static_cast<double>(i))));
  }
  odd.codes.insert(odd.codes.end(), {1, 2, 3, 4, 5, 6, 7, 8});
  const std::vector<const Sound*> sounds = {&odd, &one, &later};
  std::vector<Take> takes;
  for (const Sound* sound : sounds) {
    takes.push_back({.codes = sound->codes, .audio = sound->audio});
  }
  const auto reports = check_takes(takes, kText, kFacts);
  EXPECT_GT(reports[0].measures.end_distance,
            1.5 * reports[1].measures.end_distance);
  EXPECT_GT(reports[0].measures.end_distance,
            1.5 * reports[2].measures.end_distance);
  EXPECT_EQ(
      check_takes({takes.data(), 1}, kText, kFacts)[0].measures.end_distance,
      0.0);
}

TailAttempt attempt_of(double badness, double end_distance) {
  TailAttempt attempt;
  attempt.report.badness = badness;
  attempt.report.measures.end_distance = end_distance;
  return attempt;
}

TEST(TailGuard, TakesTheLeastBadTake) {
  const std::vector<TailAttempt> attempts = {
      attempt_of(3, 1), attempt_of(1.5, 2), attempt_of(2, 1)};
  EXPECT_EQ(choose_take(attempts), 1U);
  EXPECT_EQ(choose_take({attempts.data(), 1}), 0U);
}

TEST(TailGuard, TakesTheCommonEndOfEqualOnes) {
  const std::vector<TailAttempt> attempts = {
      attempt_of(1, 1), attempt_of(0, 3.5), attempt_of(0, 3), attempt_of(0, 3),
      attempt_of(0, 4)};
  EXPECT_EQ(choose_take(attempts), 2U);
}

}  // namespace
}  // namespace csm::engine
