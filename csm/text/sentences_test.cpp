#include "csm/text/sentences.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

namespace csm::text {
namespace {

using ::testing::ElementsAre;
using ::testing::IsEmpty;

TEST(Sentences, EndBehindTheirPunctuation) {
  Segmenter segmenter;
  EXPECT_THAT(
      segmenter.split("It rains. Does it? Yes! Good", Border::kSentence),
      ElementsAre("It rains. ", "Does it? ", "Yes! ", "Good"));
  EXPECT_THAT(segmenter.split("", Border::kSentence), IsEmpty());
  EXPECT_THAT(segmenter.split("\u4eca\u65e5\u306f\u3002\u5143\u6c17\u3002",
                              Border::kSentence),
              ElementsAre("\u4eca\u65e5\u306f\u3002", "\u5143\u6c17\u3002"));
}

TEST(Sentences, DoNotEndBehindAbbreviationsInitialsOrBeforeSmallLetters) {
  Segmenter segmenter;
  for (const char* text :
       {"Mr. Smith met Dr. Jones at 5 p.m. in town.", "J. R. Smith came.",
        "It costs $3.50 or 1.000 more.", "\"Stop!\" he said.",
        "St. Peter vs. St. Paul, e.g. Monday."}) {
    EXPECT_THAT(segmenter.split(text, Border::kSentence), ElementsAre(text));
  }
}

TEST(Sentences, ClausesEndBehindPunctuationThatSpaceFollows) {
  Segmenter segmenter;
  EXPECT_THAT(segmenter.split("When it rains, it pours; 3,000 well-known drops "
                              "\u2014 or (so) more: all wet",
                              Border::kClause),
              ElementsAre("When it rains, ", "it pours; ",
                          "3,000 well-known drops \u2014 ", "or (so) ",
                          "more: ", "all wet"));
  EXPECT_THAT(
      segmenter.split("\u96e8\u3001\u96ea\u300d\uff0c\u98a8", Border::kClause),
      ElementsAre("\u96e8\u3001", "\u96ea\u300d\uff0c", "\u98a8"));
}

TEST(Sentences, WordsAndCharacters) {
  Segmenter segmenter;
  EXPECT_THAT(segmenter.split("one two-three", Border::kLine),
              ElementsAre("one ", "two-", "three"));
  // A letter with its accent, and a family of four.
  const std::string accent = "e\u0301";
  const std::string family =
      "\U0001F468\u200D\U0001F469\u200D\U0001F467\u200D\U0001F466";
  EXPECT_THAT(segmenter.split("a" + accent + family, Border::kCharacter),
              ElementsAre("a", accent, family));
}

// Whatever the text, the pieces put together are the text.
TEST(Sentences, PiecesAreTheWholeText) {
  Segmenter segmenter;
  for (const std::string text :
       {" a. b\n\nC, d;e \u3002\u3002 \t", "...", "?!?! a", "\n", "",
        "\u00a0\u2028x", "((a)) - \u2013 b", "\U0001F600. \U0001F600"}) {
    for (const Border border : {Border::kSentence, Border::kClause,
                                Border::kLine, Border::kCharacter}) {
      std::string whole;
      for (const auto piece : segmenter.split(text, border)) {
        EXPECT_FALSE(piece.empty());
        whole += piece;
      }
      EXPECT_EQ(whole, text);
    }
  }
}

}  // namespace
}  // namespace csm::text
