#include "csm/text/added_tokens.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "csm/text/tokenizer_testing.h"

namespace csm::text {
namespace {

using testing_support::small_tokenizer;

// "text" for plain spans, "{text}" for tokens.
std::vector<std::string> split(const Json& added, std::string_view text) {
  Json file = small_tokenizer();
  file["added_tokens"] = Json::array();
  int id = 261;
  for (Json token : added) {
    token["id"] = id++;
    file["added_tokens"].push_back(token);
  }
  const BpeModel model(JsonObject(file["model"], "model"));
  const AddedTokens tokens(JsonObject(file, "t.json"), model);
  std::vector<std::string> out;
  for (const TextSpan& span : tokens.split(text)) {
    const std::string piece(span.text);
    out.push_back(span.token == nullptr ? piece : "{" + piece + "}");
  }
  return out;
}

using Spans = std::vector<std::string>;

TEST(AddedTokens, LeftmostThenLongest) {
  const Json added = {{{"content", "ab"}, {"special", true}},
                      {{"content", "abcd"}, {"special", true}},
                      {{"content", "bcdef"}, {"special", true}}};
  EXPECT_EQ(split(added, "xabcdefab"), (Spans{"x", "{abcd}", "ef", "{ab}"}));
  EXPECT_EQ(split(added, "abc"), (Spans{"{ab}", "c"}));
  EXPECT_EQ(split(added, "bcdef"), (Spans{"{bcdef}"}));
  EXPECT_EQ(split(added, ""), Spans{});
}

TEST(AddedTokens, FlagsForWhiteSpaceAndWords) {
  const Json added = {
      {{"content", "<l>"}, {"special", true}, {"lstrip", true}},
      {{"content", "<r>"}, {"special", true}, {"rstrip", true}},
      {{"content", "cat"}, {"special", true}, {"single_word", true}}};
  EXPECT_EQ(split(added, "a \u3000<l> b"), (Spans{"a", "{ \u3000<l>}", " b"}));
  EXPECT_EQ(split(added, "a <r>\t\n b"), (Spans{"a ", "{<r>\t\n }", "b"}));
  EXPECT_EQ(split(added, "<r>  <l>"), (Spans{"{<r>  }", "{<l>}"}));
  EXPECT_EQ(split(added, "cat, cats \u00e9cat cat"),
            (Spans{"{cat}", ", cats \u00e9cat ", "{cat}"}));
}

TEST(AddedTokens, NormalizedOnesAreLookedForBehindTheOthers) {
  const Json added = {{{"content", "ab"}, {"normalized", true}},
                      {{"content", "bc"}, {"normalized", false}}};
  EXPECT_EQ(split(added, "abcab"), (Spans{"a", "{bc}", "{ab}"}));
}

}  // namespace
}  // namespace csm::text
