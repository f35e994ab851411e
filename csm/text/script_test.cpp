#include "csm/text/script.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "csm/text/tokenizer_testing.h"

namespace csm::text {
namespace {

using testing_support::expect_error;

TEST(Script, LinesOfText) {
  const auto turns = parse_text_script(
      "\xEF\xBB\xBF# Two people\r\n\n0: Hello: how are you?\r\n  12 :Fine.  \n",
      "a.txt");
  ASSERT_EQ(turns.size(), 2U);
  EXPECT_EQ(turns[0].speaker, 0);
  EXPECT_EQ(turns[0].text, "Hello: how are you?");
  EXPECT_EQ(turns[1].speaker, 12);
  EXPECT_EQ(turns[1].text, "Fine.");
  EXPECT_TRUE(turns[1].audio.empty());
  EXPECT_FALSE(turns[1].pause_ms.has_value());
}

TEST(Script, BadLinesAreNamed) {
  const std::string good = "0: Hello.\n\n";
  for (const char* line :
       {"Hello.", ": Hello.", "alice: Hello.", "-1: Hello.", "1.5: Hello.",
        "0x1: Hello.", "1000000000: Hello.", "99999999999999999999: Hello."}) {
    expect_error(ErrorCode::kCorrupt, "(a.txt, line 3)",
                 [&] { (void)parse_text_script(good + line, "a.txt"); });
  }
  expect_error(ErrorCode::kCorrupt, "some text behind the speaker", [&] {
    (void)parse_text_script(good + "1:  \r\n0: a", "a.txt");
  });
  expect_error(ErrorCode::kCorrupt, "column 4 (a.txt, line 1)",
               [] { (void)parse_text_script("0: \xFF\n", "a.txt"); });
  for (const char* empty : {"", "\n\n", "# only a comment"}) {
    expect_error(ErrorCode::kCorrupt, "at least one turn",
                 [&] { (void)parse_text_script(empty, "a.txt"); });
  }
}

TEST(Script, JsonTurns) {
  const auto turns = parse_json_script(
      R"([{"speaker": 1, "text": " Hi.\n"},
          {"text": "Yes", "speaker": 0, "audio": "b.wav", "pause": 0.25},
          {"speaker": 0, "text": "No", "audio": null, "pause": 0}])",
      "a.json");
  ASSERT_EQ(turns.size(), 3U);
  EXPECT_EQ(turns[0].speaker, 1);
  EXPECT_EQ(turns[0].text, " Hi.\n");
  EXPECT_FALSE(turns[0].pause_ms.has_value());
  EXPECT_EQ(turns[1].audio, "b.wav");
  EXPECT_EQ(turns[1].pause_ms, 250);
  EXPECT_TRUE(turns[2].audio.empty());
  EXPECT_EQ(turns[2].pause_ms, 0);
}

TEST(Script, BadJsonIsNamedByTurnAndField) {
  struct Case {
    const char* turn;
    const char* words;
  };
  for (const Case& bad : {
           Case{R"({"text": "a"})", "field 'speaker'"},
           Case{R"({"speaker": 0})", "field 'text'"},
           Case{R"({"speaker": "0", "text": "a"})", "field 'speaker'"},
           Case{R"({"speaker": -1, "text": "a"})", "field 'speaker'"},
           Case{R"({"speaker": 0.5, "text": "a"})", "field 'speaker'"},
           Case{R"({"speaker": 0, "text": 7})", "field 'text'"},
           Case{R"({"speaker": 0, "text": "  "})", "field 'text'"},
           Case{R"({"speaker": 0, "text": "a", "audio": ""})", "field 'audio'"},
           Case{R"({"speaker": 0, "text": "a", "audio": 1})", "field 'audio'"},
           Case{R"({"speaker": 0, "text": "a", "pause": -1})", "field 'pause'"},
           Case{R"({"speaker": 0, "text": "a", "pause": 61})", "field 'pause'"},
           Case{R"({"speaker": 0, "text": "a", "pause": "1s"})",
                "field 'pause'"},
           Case{R"({"speaker": 0, "text": "a", "mood": "glad"})",
                "field 'mood'"},
           Case{R"(["a"])", "JSON object"},
       }) {
    const std::string script =
        std::string(R"([{"speaker": 0, "text": "a"}, )") + bad.turn + "]";
    for (const char* words : {"a.json, turn 2", bad.words}) {
      expect_error(ErrorCode::kCorrupt, words,
                   [&] { (void)parse_json_script(script, "a.json"); });
    }
  }
  for (const char* script : {"{}", "[]", "3", "[", "", "[{]", "[] x",
                             "[{\"speaker\": 0, \"speaker\": 0}]"}) {
    expect_error(ErrorCode::kCorrupt, "a.json",
                 [&] { (void)parse_json_script(script, "a.json"); });
  }
}

TEST(Script, SuffixChoosesTheForm) {
  const auto folder = std::filesystem::path(::testing::TempDir());
  const auto text = folder / "csm_script_test.txt";
  const auto json = folder / "csm_script_test.json";
  std::ofstream(text) << "0: Hello.\n1: Hi.\n";
  std::ofstream(json) << R"([{"speaker": 3, "text": "Hello."}])";
  EXPECT_EQ(read_script(text).size(), 2U);
  EXPECT_EQ(read_script(json).front().speaker, 3);
  std::filesystem::remove(text);
  std::filesystem::remove(json);
  expect_error(ErrorCode::kNotFound, "csm_script_test.txt",
               [&] { (void)read_script(text); });
  expect_error(ErrorCode::kUnsupported, ".txt or .json",
               [&] { (void)read_script("talk.doc"); });
}

}  // namespace
}  // namespace csm::text
