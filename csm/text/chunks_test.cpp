#include "csm/text/chunks.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "csm/text/tokenizer_testing.h"

namespace csm::text {
namespace {

using ::testing::ElementsAre;
using testing_support::expect_error;

std::vector<std::string> texts(const Reading& reading) {
  std::vector<std::string> found;
  for (const Chunk& chunk : reading.chunks) found.push_back(chunk.text);
  return found;
}

std::vector<std::string> chunked(std::string_view text, int max_chunk_ms) {
  return texts(plan_reading(text, max_chunk_ms));
}

std::string without_spaces(const std::string& text) {
  std::string kept;
  for (const char c : text) {
    if (c != ' ' && c != '\n') kept += c;
  }
  return kept;
}

TEST(Chunks, EstimateAddsUpCharacters) {
  EXPECT_DOUBLE_EQ(estimate_speech_ms(""), 0);
  EXPECT_DOUBLE_EQ(estimate_speech_ms("ab c"), 4 * 65);
  EXPECT_DOUBLE_EQ(estimate_speech_ms("a12"), 65 + 2 * 300);
  EXPECT_DOUBLE_EQ(estimate_speech_ms("\u4eca\u65e5\u00e9"), 2 * 200 + 65);
}

TEST(Chunks, TextThatFitsIsUntouched) {
  for (const char* text : {"Hello. You?", "  Hello.\n\nYou? ", " ", ""}) {
    EXPECT_THAT(chunked(text, 20000), ElementsAre(text));
    EXPECT_THAT(chunked(text, 0), ElementsAre(text));
  }
  const std::string long_text(100000, 'a');
  EXPECT_THAT(chunked(long_text, 0), ElementsAre(long_text));
  // To the character: 20 take 1300 ms.
  EXPECT_THAT(chunked("Aaaa aaaa. Bbbb bbb.", 1300),
              ElementsAre("Aaaa aaaa. Bbbb bbb."));
  EXPECT_EQ(chunked("Aaaa aaaa. Bbbb bbb.", 1299).size(), 2U);
}

TEST(Chunks, LongTextGetsAChunkForEverySentence) {
  EXPECT_THAT(
      chunked("The first sentence\nruns on here. The second one "
              "follows  it. And here comes the third.",
              4000),
      ElementsAre("The first sentence runs on here.",
                  "The second one follows it.", "And here comes the third."));
}

TEST(Chunks, ShortSentencesGoWithANeighbour) {
  EXPECT_THAT(chunked("Yes. I think that it will rain today. No. It was dry "
                      "all of the week. Oh.",
                      4000),
              ElementsAre("Yes. I think that it will rain today. No.",
                          "It was dry all of the week. Oh."));
}

TEST(Chunks, EmptyLinesEndAChunk) {
  EXPECT_THAT(
      chunked("A heading without a stop\n \nThe text that stands below "
              "it.\n\n\nAnd yet another paragraph",
              3000),
      ElementsAre("A heading without a stop", "The text that stands below it.",
                  "And yet another paragraph"));
}

TEST(Chunks, LongSentencesAreCutBehindClausesThenWordsThenCharacters) {
  EXPECT_THAT(chunked("When the rain had gone away, we all went out, and the "
                      "children played.",
                      2200),
              ElementsAre("When the rain had gone away,", "we all went out,",
                          "and the children played."));
  EXPECT_THAT(chunked("one two three four five six seven", 1040),
              ElementsAre("one two three", "four five six", "seven"));
  EXPECT_THAT(chunked("abcdefghij", 260), ElementsAre("abcd", "efgh", "ij"));
}

TEST(Chunks, NothingIsLostAndNothingIsTooLong) {
  std::string text;
  for (int i = 0; i < 300; ++i) {
    text += "Word" + std::to_string(i) + (i % 7 == 0 ? ". " : ", ") +
            (i % 40 == 0 ? "\n\n" : "") + "and \u4eca\u65e5 more ";
  }
  for (const int max_ms : {500, 1000, 3000, 20000}) {
    std::string whole;
    for (const std::string& chunk : chunked(text, max_ms)) {
      EXPECT_LE(estimate_speech_ms(chunk), max_ms);
      EXPECT_FALSE(chunk.empty());
      whole += chunk;
    }
    EXPECT_EQ(without_spaces(whole), without_spaces(text)) << max_ms;
  }
}

TEST(Chunks, PausesStandBeforeTheirChunk) {
  const Reading reading = plan_reading(
      "[pause 1s] One. [pause 200ms] [pause 0.3s]\nTwo. [pause 2s]", 20000);
  ASSERT_THAT(texts(reading), ElementsAre("One.", "Two."));
  EXPECT_EQ(reading.chunks[0].pause_ms, 1000);
  EXPECT_EQ(reading.chunks[1].pause_ms, 500);
  EXPECT_EQ(reading.final_pause_ms, 2000);
  EXPECT_EQ(plan_reading("a [pause 1s] b", 0).chunks[1].pause_ms, 1000);
}

TEST(Chunks, BadTextsThrow) {
  expect_error(ErrorCode::kInvalidArgument, "byte offset 2",
               [] { (void)plan_reading("ab\xFF", 0); });
  expect_error(ErrorCode::kInvalidArgument, "only pauses",
               [] { (void)plan_reading(" [pause 1s] ", 0); });
  expect_error(ErrorCode::kInvalidArgument, "only pauses",
               [] { (void)plan_reading(std::string(1000, '\n'), 1000); });
}

}  // namespace
}  // namespace csm::text
