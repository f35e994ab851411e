#include "csm/server/admission.h"

#include <gtest/gtest.h>

namespace csm::server {
namespace {

// A step of n streams takes 10 ms and 5 more for each.
StepClock measured() {
  StepClock clock;
  for (int i = 0; i < 50; ++i) {
    for (const int n_rows : {1, 2, 4, 8})
      clock.add(n_rows, 0, 0.01 + 0.005 * n_rows);
  }
  return clock;
}

TEST(StepClock, Line_IsFound) {
  const StepClock clock = measured();
  EXPECT_NEAR(clock.step_seconds(1), 0.015, 1e-6);
  EXPECT_NEAR(clock.step_seconds(16), 0.09, 1e-6);
  EXPECT_EQ(clock.max_rows(0.0801), 14);
}

TEST(StepClock, NothingMeasured_NothingCosts) {
  EXPECT_EQ(StepClock().step_seconds(8), 0);
  EXPECT_EQ(StepClock().prompt_seconds(100), 0);
}

TEST(StepClock, OneSizeAlone_EveryStreamCosts) {
  StepClock clock;
  for (int i = 0; i < 10; ++i) clock.add(4, 0, 0.04);
  EXPECT_NEAR(clock.step_seconds(8), 0.08, 1e-9);
}

TEST(StepClock, SlowModel_AtLeastOneRow) {
  StepClock clock;
  clock.add(1, 0, 0.5);
  EXPECT_EQ(clock.max_rows(0.08), 1);
}

TEST(StepClock, Prompts_AreApartFromSpeech) {
  StepClock clock = measured();
  clock.add(2, 100, 0.02 + 0.1);
  EXPECT_NEAR(clock.prompt_seconds(50), 0.05, 1e-6);
  EXPECT_NEAR(clock.step_seconds(2), 0.02, 1e-6);
}

TEST(StepClock, MachineThatStops_DoesNotClose) {
  StepClock clock = measured();
  clock.add(1, 0, 60);
  EXPECT_LT(clock.step_seconds(1), 0.02);
}

TEST(RefuseStream, First_IsAlwaysTaken) {
  StepClock slow;
  slow.add(1, 0, 3);
  EXPECT_FALSE(refuse_stream({}, {}, slow, true));
}

TEST(RefuseStream, StepsThatWouldTakeTooLong_Refuse) {
  // 0.85 of 80 ms: 11 streams.
  Load load = {.n_playing = 10, .n_others = 0, .next_end_seconds = 2.4};
  EXPECT_FALSE(refuse_stream({}, load, measured(), true));
  load.n_playing = 11;
  EXPECT_EQ(refuse_stream({}, load, measured(), true), 3);
  EXPECT_FALSE(refuse_stream({}, load, measured(), false))
      << "nobody listens to it";
}

TEST(RefuseStream, Places_AreForAll) {
  const AdmissionRules rules = {.max_streams = 2};
  const Load load = {.n_playing = 1, .n_others = 1, .next_end_seconds = 0};
  EXPECT_EQ(refuse_stream(rules, load, {}, true), 1);
  EXPECT_EQ(refuse_stream(rules, load, {}, false), 1);
}

TEST(RefuseStream, RetryAfter_IsAMinuteAtMost) {
  const AdmissionRules rules = {.max_streams = 1};
  const Load load = {.n_playing = 1, .n_others = 0, .next_end_seconds = 1e6};
  EXPECT_EQ(refuse_stream(rules, load, {}, true), 60);
}

TEST(FirstChunk, GrowsWithTheLoad) {
  const StepClock clock = measured();
  EXPECT_EQ(first_chunk_frames({}, 1, clock), 1);
  EXPECT_EQ(first_chunk_frames({}, 5, clock), 2);
  EXPECT_EQ(first_chunk_frames({}, 8, clock), 4);
  EXPECT_EQ(first_chunk_frames({}, 12, clock), 8);
}

}  // namespace
}  // namespace csm::server
