#include "csm/text/unicode.h"

#include <gtest/gtest.h>

#include <string>
#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/text/unicode_class.h"

namespace csm::text {
namespace {

TEST(Unicode, EveryCodePointRoundTrips) {
  for (std::uint32_t c = 0; c <= 0x10FFFF; ++c) {
    std::string text;
    append_utf8(text, c);
    ASSERT_EQ(last_code_point_start("ab" + text, 2 + text.size()), 2U) << c;
    if (c >= 0xD800 && c <= 0xDFFF) {
      ASSERT_EQ(utf8_sequence_length(text), 0U) << c;
      ASSERT_EQ(find_invalid_utf8(text), 0U) << c;
      continue;
    }
    ASSERT_EQ(utf8_sequence_length(text), text.size()) << c;
    ASSERT_EQ(find_invalid_utf8(text), std::nullopt) << c;
    ASSERT_EQ(static_cast<std::uint32_t>(first_code_point(text)), c);
  }
}

// Tables 3-7 and 3-8 of the Unicode standard; the third column is what Rust's
// String::from_utf8_lossy gives.
TEST(Unicode, IllFormedSequencesAreFoundAndReplacedByMaximalSubpart) {
  struct Case {
    std::string bytes;
    std::size_t offset;
    std::string replaced;
  };
  const std::string r = "\uFFFD";
  const std::vector<Case> cases = {
      {"\x80", 0, r},
      {"a\xBFz", 1, "a" + r + "z"},
      {"\xC0\x80", 0, r + r},
      {"\xC1\xBF", 0, r + r},
      {"\xC2", 0, r},
      {"\xC2\x41", 0, r + "A"},
      {"\xE0\x9F\xBF", 0, r + r + r},
      {"\xE2\x82", 0, r},
      {"ok \xE2\x82", 3, "ok " + r},
      {"\xED\xA0\x80", 0, r + r + r},
      {"\xF0\x80\x80\x80", 0, r + r + r + r},
      {"\xF0\x90\x80", 0, r},
      {"\xF4\x90\x80\x80", 0, r + r + r + r},
      {"\xF5\x80", 0, r + r},
      {"\xFF", 0, r},
      {"a\xF1\x80\x80\xE1\x80\xC2"
       "b\x80",
       1, "a" + r + r + r + "b" + r},
      {std::string("\0\xFE", 2), 1, std::string("\0", 1) + r},
  };
  for (const Case& c : cases) {
    EXPECT_EQ(find_invalid_utf8(c.bytes), c.offset);
    EXPECT_EQ(replace_invalid_utf8(c.bytes), c.replaced);
    try {
      check_utf8(c.bytes, "field");
      ADD_FAILURE();
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_NE(std::string(error.what())
                    .find("byte offset " + std::to_string(c.offset)),
                std::string::npos)
          << error.what();
    }
  }
}

TEST(Unicode, WellFormedTextPasses) {
  const std::string text = "a\u00e9\u6f22\U0001F600\U0010FFFF";
  EXPECT_EQ(find_invalid_utf8(text), std::nullopt);
  EXPECT_EQ(find_invalid_utf8(""), std::nullopt);
  EXPECT_EQ(replace_invalid_utf8(text), text);
  EXPECT_NO_THROW(check_utf8(text, "field"));
}

TEST(UnicodeClass, RangesAreSortedAndApart) {
  for (const auto which :
       {UnicodeClass::kLetter, UnicodeClass::kMark, UnicodeClass::kNumber,
        UnicodeClass::kSpace, UnicodeClass::kWord}) {
    char32_t next = 0;
    for (const CodePointRange& range : ranges_of(which)) {
      ASSERT_GE(range.first, next);
      ASSERT_GE(range.last, range.first);
      next = range.last + 2;
    }
    ASSERT_LE(next, 0x110001U);
  }
}

TEST(UnicodeClass, MembersAtTheEdges) {
  EXPECT_TRUE(is_member(UnicodeClass::kLetter, U'A'));
  EXPECT_FALSE(is_member(UnicodeClass::kLetter, U'@'));
  EXPECT_FALSE(is_member(UnicodeClass::kLetter, U'['));
  EXPECT_FALSE(is_member(UnicodeClass::kLetter, 0));
  EXPECT_FALSE(is_member(UnicodeClass::kLetter, 0x10FFFF));
  // Unicode 15: CJK extension H; PCRE2 10.42 does not know it.
  EXPECT_TRUE(is_member(UnicodeClass::kLetter, 0x31350));
  EXPECT_TRUE(is_member(UnicodeClass::kSpace, 0x85));
  EXPECT_FALSE(is_member(UnicodeClass::kSpace, 0x180E));
  EXPECT_TRUE(is_member(UnicodeClass::kWord, U'_'));
  EXPECT_TRUE(is_member(UnicodeClass::kWord, 0x200D));
  EXPECT_FALSE(is_member(UnicodeClass::kWord, U'-'));
}

TEST(UnicodeClass, BracketItemsOfSpace) {
  EXPECT_EQ(bracket_items(UnicodeClass::kSpace, false),
            "\\x{9}-\\x{d}\\x{20}\\x{85}\\x{a0}\\x{1680}\\x{2000}-\\x{200a}"
            "\\x{2028}-\\x{2029}\\x{202f}\\x{205f}\\x{3000}");
  EXPECT_EQ(bracket_items(UnicodeClass::kSpace, true),
            "\\x{0}-\\x{8}\\x{e}-\\x{1f}\\x{21}-\\x{84}\\x{86}-\\x{9f}"
            "\\x{a1}-\\x{167f}\\x{1681}-\\x{1fff}\\x{200b}-\\x{2027}"
            "\\x{202a}-\\x{202e}\\x{2030}-\\x{205e}\\x{2060}-\\x{2fff}"
            "\\x{3001}-\\x{10ffff}");
}

}  // namespace
}  // namespace csm::text
