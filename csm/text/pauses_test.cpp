#include "csm/text/pauses.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "csm/text/tokenizer_testing.h"

namespace csm::text {

namespace {

using ::testing::ElementsAre;
using testing_support::expect_error;

TEST(Pauses, TextWithoutPauseIsOnePassageUntouched) {
  EXPECT_THAT(split_pauses(" Hello.\n"), ElementsAre(Passage{0, " Hello.\n"}));
  EXPECT_THAT(split_pauses(""), ElementsAre(Passage{0, ""}));
  // Other brackets are text.
  for (const char* text : {"[paused]", "[pauses 1s]", "[laugh]", "pause 1s",
                           "[ pause 1s]", "[pau"}) {
    EXPECT_THAT(split_pauses(text), ElementsAre(Passage{0, text}));
  }
}

TEST(Pauses, SecondsAndMilliseconds) {
  EXPECT_THAT(split_pauses("a[pause 0.5s]b"),
              ElementsAre(Passage{0, "a"}, Passage{500, "b"}));
  EXPECT_THAT(split_pauses("[PAUSE:250 MS] b [Pause 2s][pause  60s ]"),
              ElementsAre(Passage{0, ""}, Passage{250, " b "},
                          Passage{2000, ""}, Passage{60000, ""}));
  EXPECT_THAT(split_pauses("[pause 0s][pause 0.0004s][pause 1.0006s]"),
              ElementsAre(Passage{0, ""}, Passage{0, ""}, Passage{0, ""},
                          Passage{1001, ""}));
}

TEST(Pauses, WhatCannotBeReadThrows) {
  for (const char* text :
       {"ab [pause]", "ab [pause ]", "ab [pause 1]", "ab [pause s]",
        "ab [pause -1s]", "ab [pause 1.2.3s]", "ab [pause 61s]",
        "ab [pause 60001ms]", "ab [pause 1s", "ab [pause", "ab [pause 1m]",
        "ab [pause 1e3ms]", "ab [pause nans]",
        "ab [pause 99999999999999999999999999999999999999999999999999s]"}) {
    expect_error(ErrorCode::kInvalidArgument, "byte 3",
                 [&] { (void)split_pauses(text); });
  }
  expect_error(ErrorCode::kInvalidArgument, "'[pause 2 hours]'",
               [] { (void)split_pauses("[pause 2 hours] then"); });
}

}  // namespace
}  // namespace csm::text
