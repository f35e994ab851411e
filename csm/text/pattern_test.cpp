#include "csm/text/pattern.h"

#include <gtest/gtest.h>

#include <string>
#include <string_view>
#include <vector>

#include "csm/text/tokenizer_testing.h"

namespace csm::text {
namespace {

using testing_support::expect_error;
using Pieces = std::vector<std::string_view>;

constexpr const char* kLlama3 =
    "(?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\\r\\n\\p{L}\\p{N}]?\\p{L}+|\\p{N}{1,3}"
    "| ?[^\\s\\p{L}\\p{N}]+[\\r\\n]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

Pieces split(const Pattern& pattern, std::string_view text) {
  Pieces pieces;
  pattern.split(text, pieces);
  return pieces;
}

TEST(Pattern, Llama3SplitOfTheSpecification) {
  const Pattern pattern = Pattern::regex(kLlama3, "t");
  EXPECT_EQ(split(pattern, "[0]Hello from Sesame."),
            (Pieces{"[", "0", "]Hello", " from", " Sesame", "."}));
  EXPECT_EQ(split(pattern, "1234567 I'LL\n\n  x"),
            (Pieces{"123", "456", "7", " I", "'LL", "\n\n", " ", " x"}));
  EXPECT_EQ(split(pattern, ""), Pieces{});
}

TEST(Pattern, GapsBetweenMatchesArePieces) {
  EXPECT_EQ(split(Pattern::regex("b+", "t"), "abbcab"),
            (Pieces{"a", "bb", "ca", "b"}));
  EXPECT_EQ(split(Pattern::literal("a.", "t"), "ba.aba."),
            (Pieces{"b", "a.", "ab", "a."}));
}

TEST(Pattern, LongRunsTakeLinearTime) {
  const Pattern pattern = Pattern::regex(kLlama3, "t");
  const std::string spaces(2'000'000, ' ');
  EXPECT_EQ(split(pattern, spaces), Pieces{spaces});
  EXPECT_EQ(split(pattern, spaces + "x").size(), 2U);
  const std::string letters(2'000'000, 'x');
  EXPECT_EQ(split(pattern, letters), Pieces{letters});
}

TEST(Pattern, CatastrophicBacktrackingEndsInAnError) {
  const Pattern pattern = Pattern::regex("(?:a+)+b|(?:a|a)+c|\\s", "t.json");
  const std::string text(200, 'a');
  expect_error(ErrorCode::kUnsupported, "matching limits",
               [&] { (void)split(pattern, text); });
}

TEST(Pattern, DeepBacktrackingDoesNotExhaustTheStack) {
  const Pattern pattern = Pattern::regex("(?:(a)|b)+c|\\s", "t.json");
  const std::string text(1'000'000, 'a');
  try {
    EXPECT_EQ(split(pattern, text), Pieces{text});
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
  }
}

TEST(Pattern, BadPatternsThrow) {
  expect_error(ErrorCode::kUnsupported, "matches none (f)",
               [] { (void)Pattern::regex("a*", "f"); });
  expect_error(ErrorCode::kUnsupported, "matches none (f)",
               [] { (void)Pattern::regex("", "f"); });
  expect_error(ErrorCode::kCorrupt, "valid regex",
               [] { (void)Pattern::regex("+a", "f"); });
  expect_error(ErrorCode::kCorrupt, "valid regex",
               [] { (void)Pattern::regex("[b-a]", "f"); });
  expect_error(ErrorCode::kUnsupported, "at most",
               [] { (void)Pattern::regex(std::string(70'000, 'a'), "f"); });
  expect_error(ErrorCode::kCorrupt, "an empty text",
               [] { (void)Pattern::literal("", "f"); });
}

}  // namespace
}  // namespace csm::text
