#include "csm/engine/context.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <vector>

namespace csm::engine {
namespace {

using ::testing::Each;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

const std::vector<ContextItem> kTalk = {
    {0, 10}, {1, 20}, {0, 30}, {1, 40}, {0, 50}};  // 150 together

TEST(Context, AllStayIfTheyFit) {
  EXPECT_THAT(choose_context(kTalk, 0, 150), Each(true));
  EXPECT_THAT(choose_context({}, 0, 0), IsEmpty());
  EXPECT_THAT(choose_context(kTalk, 0, 149),
              ElementsAre(true, true, false, true, true));
}

TEST(Context, OldestGoFirstButEachSpeakersFirst) {
  EXPECT_THAT(choose_context(kTalk, 0, 120),
              ElementsAre(true, true, false, true, true));
  EXPECT_THAT(choose_context(kTalk, 0, 119),
              ElementsAre(true, true, false, false, true));
  EXPECT_THAT(choose_context(kTalk, 0, 80),
              ElementsAre(true, true, false, false, true));
}

// 20 of 59 is more than the half of it that is left beside 10.
TEST(Context, ReferencesTakeHalfOfTheRoomAtMost) {
  EXPECT_THAT(choose_context(kTalk, 0, 60),
              ElementsAre(true, true, false, false, false));
  EXPECT_THAT(choose_context(kTalk, 0, 59),
              ElementsAre(true, false, false, false, false));
  EXPECT_THAT(choose_context(kTalk, 1, 59),
              ElementsAre(false, true, false, false, false));
  const std::vector<ContextItem> long_first = {
      {0, 60}, {0, 10}, {1, 60}, {0, 20}};
  EXPECT_THAT(choose_context(long_first, 0, 100),
              ElementsAre(false, true, true, true));
}

TEST(Context, NextSpeakersReferenceComesFirst) {
  const std::vector<ContextItem> talk = {{0, 40}, {1, 40}, {2, 40}, {0, 30}};
  EXPECT_THAT(choose_context(talk, 0, 90),
              ElementsAre(true, false, false, true));
  EXPECT_THAT(choose_context(talk, 2, 90),
              ElementsAre(false, false, true, true));
  // Somebody new: the others as they appeared.
  EXPECT_THAT(choose_context(talk, 7, 90),
              ElementsAre(true, false, false, true));
}

TEST(Context, NewestWithoutAGap) {
  const std::vector<ContextItem> talk = {{0, 5}, {0, 10}, {0, 90}, {0, 10}};
  EXPECT_THAT(choose_context(talk, 0, 50),
              ElementsAre(true, false, false, true));
}

TEST(Context, NoRoomKeepsNothing) {
  EXPECT_THAT(choose_context(kTalk, 0, 0), Each(false));
  EXPECT_THAT(choose_context(kTalk, 0, -5), Each(false));
}

}  // namespace
}  // namespace csm::engine
