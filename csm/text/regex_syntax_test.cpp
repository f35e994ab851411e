#include "csm/text/regex_syntax.h"

#include <gtest/gtest.h>

#include <string>

#include "csm/base/str_cat.h"
#include "csm/text/tokenizer_testing.h"
#include "csm/text/unicode_class.h"

namespace csm::text {
namespace {

using testing_support::expect_error;

TEST(RegexSyntax, PlainConstructsStayAsTheyAre) {
  for (const char* regex :
       {"abc", "a|b", "(?i:'s|'t)", "(?:a)(?=b)(?!c)(?<=d)(?<!e)(?>f)(g)",
        "a?b*c+d??e*?f+?g?+h*+i++", "x{3}y{1,}z{1,3}", "[^a-z\\]\\r\\n.-]",
        "\\.\\\\\\[\\n\\r\\t\\f", "\\x{1F600}", "\u00e9+", "."}) {
    EXPECT_EQ(to_pcre2(regex, "t"), regex);
  }
}

TEST(RegexSyntax, ClassesBecomeExplicitRanges) {
  const std::string space = bracket_items(UnicodeClass::kSpace, false);
  const std::string no_space = bracket_items(UnicodeClass::kSpace, true);
  const std::string letter = bracket_items(UnicodeClass::kLetter, false);
  const std::string number = bracket_items(UnicodeClass::kNumber, false);
  EXPECT_EQ(to_pcre2("\\s+", "t"), str_cat("[", space, "]+"));
  EXPECT_EQ(to_pcre2("(?!\\S)", "t"), str_cat("(?![", no_space, "])"));
  EXPECT_EQ(to_pcre2("[^\\s\\p{L}\\p{N}]", "t"),
            str_cat("[^", space, letter, number, "]"));
  EXPECT_EQ(to_pcre2("[\\s-]", "t"), str_cat("[", space, "-]"));
  EXPECT_EQ(to_pcre2("\\P{M}", "t"),
            str_cat("[", bracket_items(UnicodeClass::kMark, true), "]"));
}

// Each differs, or could differ, between Oniguruma's Ruby syntax and PCRE2.
TEST(RegexSyntax, ConstructsThatCouldDifferAreRefusedByName) {
  for (const char* regex :
       {"\\w",         "\\d",         "\\b",      "\\h",         "\\R",
        "\\X",         "\\K",         "\\G",      "\\A",         "\\1",
        "\\k<a>",      "\\p{Lu}",     "\\p{Han}", "\\p{^L}",     "\\pL",
        "\\v",         "\\x41",       "\\u0041",  "^a",          "a$",
        "(?i)a",       "(?m:a)",      "(?s:a)",   "(?#c)",       "(?<n>a)",
        "(?P<n>a)",    "(?|a)",       "(*UTF)a",  "[[:alpha:]]", "[a[b]]",
        "[a&&b]",      "[]",          "[^]",      "a{,3}",       "a{x}",
        "a{3}+",       "a{3}?",       "a+++",     "[\\s-x]",     "[a-\\s]",
        "(?i:\\p{L})", "(?i:ss)",     "(?i:ST)",  "(?i:\u00e9)", "a)",
        "\\Q",         "(?i:\\x{e9})"}) {
    SCOPED_TRACE(regex);
    expect_error(ErrorCode::kUnsupported, "(t.json, Regex)",
                 [&] { (void)to_pcre2(regex, "t.json, Regex"); });
  }
}

TEST(RegexSyntax, UnfinishedConstructsAreCorrupt) {
  for (const char* regex : {"(a", "[a", "a\\", "[a\\", "(?:(b)"}) {
    expect_error(ErrorCode::kCorrupt, "end of the regex",
                 [&] { (void)to_pcre2(regex, "t"); });
  }
}

TEST(RegexSyntax, NestingIsLimited) {
  expect_error(ErrorCode::kUnsupported, "at byte 64", [] {
    (void)to_pcre2(std::string(100, '(') + std::string(100, ')'), "t");
  });
}

}  // namespace
}  // namespace csm::text
