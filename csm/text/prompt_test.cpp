#include "csm/text/prompt.h"

#include <gtest/gtest.h>

#include "csm/text/tokenizer_testing.h"

namespace csm::text {
namespace {

using testing_support::expect_error;

TEST(Prompt, SegmentTextIsBracketedSpeakerAndUntouchedText) {
  EXPECT_EQ(segment_text(0, "Hello from Sesame."), "[0]Hello from Sesame.");
  EXPECT_EQ(segment_text(12, "  a\n"), "[12]  a\n");
  EXPECT_EQ(segment_text(1, "\u00e9\U0001F600"), "[1]\u00e9\U0001F600");
}

TEST(Prompt, BadSegmentsThrow) {
  expect_error(ErrorCode::kInvalidArgument, "expected some text",
               [] { (void)segment_text(0, ""); });
  expect_error(ErrorCode::kInvalidArgument, "got -1 (speaker)",
               [] { (void)segment_text(-1, "a"); });
  expect_error(ErrorCode::kInvalidArgument, "byte offset 2",
               [] { (void)segment_text(0, "ab\xFF"); });
}

TEST(Prompt, SpeakerIsADecimalNumber) {
  EXPECT_EQ(parse_speaker("0"), 0);
  EXPECT_EQ(parse_speaker("42"), 42);
  EXPECT_EQ(parse_speaker("999999999"), 999999999);
  for (const char* text : {"", "alice", "-1", "+1", " 1", "1 ", "1.0", "0x1",
                           "1000000000", "\xD9\xA1", "1\n"}) {
    expect_error(ErrorCode::kInvalidArgument, "(speaker)",
                 [&] { (void)parse_speaker(text); });
  }
}

}  // namespace
}  // namespace csm::text
