#include "csm/server/schedule.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "csm/server/playback.h"

namespace csm::server {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// A step of n streams takes 5 ms for each, and a position of a prompt 1 ms.
StepClock measured() {
  StepClock clock;
  for (const int n_rows : {1, 2, 4, 8}) clock.add(n_rows, 0, 0.005 * n_rows);
  clock.add(1, 100, 0.105);
  return clock;
}

// No step is so short that those could speak who need not.
constexpr ScheduleRules kNoTime = {.spare_seconds = 0};

Lane speaking(double lead) { return {.lead_seconds = lead}; }
Lane joining(int n_positions) { return {.n_new_positions = n_positions}; }

std::vector<std::size_t> choose(const std::vector<Lane>& lanes,
                                const ScheduleRules& rules = {}) {
  return choose_lanes(lanes, rules, measured());
}

TEST(ChooseLanes, NobodyNearRunningDry_All) {
  EXPECT_THAT(choose({speaking(5), speaking(0.5), joining(10)}),
              ElementsAre(0, 1, 2));
}

TEST(ChooseLanes, SomebodyNearRunningDry_ThoseFarAheadWait) {
  EXPECT_THAT(choose({speaking(5), speaking(0.1), speaking(0.9)}, kNoTime),
              ElementsAre(1, 2));
}

TEST(ChooseLanes, SomebodyNearRunningDry_OthersSpeakInAShortStep) {
  const ScheduleRules rules = {.spare_seconds = 0.018};  // three streams
  EXPECT_THAT(
      choose({speaking(5), speaking(3), speaking(0.1), speaking(4)}, rules),
      ElementsAre(1, 2, 3));
}

TEST(ChooseLanes, NobodyListens_WaitsForThoseWhoDo) {
  Lane batch = speaking(0);
  batch.plays = false;
  EXPECT_THAT(choose({batch, speaking(0.1)}, kNoTime), ElementsAre(1));
  EXPECT_THAT(choose({batch, speaking(2)}, kNoTime), ElementsAre(0, 1));
  EXPECT_THAT(choose({batch, speaking(0.1)}), ElementsAre(0, 1));
  Lane prompt = joining(100);
  prompt.plays = false;
  EXPECT_THAT(choose({prompt, speaking(0.1)}), ElementsAre(1));
  EXPECT_THAT(choose({prompt, speaking(2)}), ElementsAre(0, 1));
}

TEST(ChooseLanes, NoRoom_IsLeftOut) {
  Lane full = speaking(0.1);
  full.has_room = false;
  EXPECT_THAT(choose({full}), IsEmpty());
  EXPECT_THAT(choose({full, speaking(5)}), ElementsAre(1));
}

TEST(ChooseLanes, LongPrompts_OneByOneWhereOthersListen) {
  const std::vector<Lane> lanes = {speaking(0.2), joining(100), joining(100)};
  EXPECT_THAT(choose(lanes), ElementsAre(0, 1));
  EXPECT_THAT(choose({joining(100), joining(100)}), ElementsAre(0, 1))
      << "nobody has to wait for them";
  EXPECT_THAT(choose({speaking(0.2), joining(10), joining(10)}),
              ElementsAre(0, 1, 2));
}

TEST(ChooseLanes, MoreThanAStepTakes_LeastInHandFirst) {
  const ScheduleRules rules = {.max_rows = 2};
  EXPECT_THAT(choose({speaking(3), speaking(1), speaking(2)}, rules),
              ElementsAre(1, 2));
  EXPECT_THAT(choose({speaking(3), speaking(2), joining(10)}, rules),
              ElementsAre(1, 2))
      << "one place is kept for those who join";
}

TEST(Playback, SoundInTime_NeverDry) {
  Playback playback;
  playback.add(10, 0.08);
  playback.add(10.05, 0.08);
  EXPECT_NEAR(playback.lead(10.1), 0.06, 1e-9);
  playback.add(10.15, 0.08);
  EXPECT_EQ(playback.underrun_seconds(), 0);
  EXPECT_NEAR(playback.sound_seconds(), 0.24, 1e-9);
}

TEST(Playback, SoundThatIsLate_IsCounted) {
  Playback playback;
  playback.add(0, 0.08);
  playback.add(0.1, 0.08);   // 20 ms late: played from 0.1
  playback.add(0.23, 0.08);  // 50 ms late
  EXPECT_NEAR(playback.underrun_seconds(), 0.07, 1e-9);
  EXPECT_NEAR(playback.longest_underrun(), 0.05, 1e-9);
  EXPECT_NEAR(playback.lead(0.23), 0.08, 1e-9);
}

}  // namespace
}  // namespace csm::server
