#include "csm/text/tokenizer.h"

#include <gtest/gtest.h>

#include <functional>
#include <ostream>
#include <string>
#include <vector>

#include "csm/text/tokenizer_testing.h"

namespace csm::text {
namespace {

using testing_support::expect_error;
using testing_support::load_json;
using testing_support::load_text;
using testing_support::small_tokenizer;
using Ids = std::vector<std::int32_t>;

TEST(Tokenizer, EncodesWithAndWithoutTheTemplate) {
  const Tokenizer tokenizer = load_json(small_tokenizer());
  EXPECT_EQ(tokenizer.encode("hello hello", true), (Ids{261, 259, 260, 262}));
  EXPECT_EQ(tokenizer.encode("hello hello", false), (Ids{259, 260}));
  EXPECT_EQ(tokenizer.encode("", true), (Ids{261, 262}));
  EXPECT_EQ(tokenizer.encode("", false), Ids{});
  EXPECT_EQ(tokenizer.encode("a</s>b", false), (Ids{'a', 262, 'b'}));
  EXPECT_EQ(tokenizer.vocab_size(), 263);
  EXPECT_EQ(tokenizer.token_id("</s>"), 262);
  EXPECT_EQ(tokenizer.token_id("hello"), 259);
  EXPECT_EQ(tokenizer.token_id("nothing"), std::nullopt);
}

TEST(Tokenizer, TemplatesOfASequenceNest) {
  Json file = small_tokenizer();
  const Json inner = file["post_processor"];
  file["post_processor"] = {
      {"type", "Sequence"},
      {"processors", {{{"type", "ByteLevel"}}, inner, inner}}};
  EXPECT_EQ(load_json(file).encode("a", true), (Ids{261, 261, 'a', 262, 262}));
  file["post_processor"] = nullptr;
  EXPECT_EQ(load_json(file).encode("a", true), Ids{'a'});
}

TEST(Tokenizer, DecodesBytesAndSpecialTokens) {
  const Tokenizer tokenizer = load_json(small_tokenizer());
  const Ids ids = {261, 260, 0xC3, 0xA9, 0xFF, 262};
  EXPECT_EQ(tokenizer.decode(ids), "<s> hello\u00e9\uFFFD</s>");
  EXPECT_EQ(tokenizer.decode(ids, true), " hello\u00e9\uFFFD");
  for (const std::int32_t id : {-1, 263, 1 << 30}) {
    expect_error(ErrorCode::kInvalidArgument, std::to_string(id),
                 [&] { (void)tokenizer.decode(Ids{id}); });
  }
}

TEST(Tokenizer, IllFormedTextNamesTheByteOffset) {
  const Tokenizer tokenizer = load_json(small_tokenizer());
  expect_error(ErrorCode::kInvalidArgument, "byte offset 3",
               [&] { (void)tokenizer.encode("abc\xED\xA0\x80", true); });
}

TEST(Tokenizer, AbsentFile) {
  expect_error(ErrorCode::kNotFound, "absent.json",
               [] { (void)Tokenizer::load("/nonexistent/absent.json"); });
}

// What a file may not be: a change to a good one, and the message it must give.
struct BadFile {
  std::string name;
  ErrorCode code;
  std::string message;
  std::function<void(Json&)> change;
};

void PrintTo(const BadFile& file, std::ostream* out) { *out << file.name; }

constexpr auto kCorrupt = ErrorCode::kCorrupt;
constexpr auto kUnsupported = ErrorCode::kUnsupported;

std::vector<BadFile> bad_top_level() {
  return {
      {"array", kCorrupt, "JSON object", [](Json& j) { j = Json::array(); }},
      {"no_model", kCorrupt, "'model'", [](Json& j) { j.erase("model"); }},
      {"model_text", kCorrupt, "'model'", [](Json& j) { j["model"] = "x"; }},
      {"normalizer", kUnsupported, "'normalizer'",
       [](Json& j) { j["normalizer"] = {{"type", "NFC"}}; }},
      {"truncation", kUnsupported, "'truncation'",
       [](Json& j) { j["truncation"] = {{"max_length", 4}}; }},
      {"padding", kUnsupported, "'padding'",
       [](Json& j) { j["padding"] = {{"strategy", "BatchLongest"}}; }},
      {"no_decoder", kCorrupt, "'decoder'",
       [](Json& j) { j["decoder"] = nullptr; }},
      {"decoder", kUnsupported, "ByteLevel",
       [](Json& j) { j["decoder"] = {{"type", "WordPiece"}}; }},
  };
}

std::vector<BadFile> bad_models() {
  return {
      {"type", kUnsupported, "'type'",
       [](Json& j) { j["model"]["type"] = "Unigram"; }},
      {"dropout", kUnsupported, "'dropout'",
       [](Json& j) { j["model"]["dropout"] = 0.1; }},
      {"prefix", kUnsupported, "'continuing_subword_prefix'",
       [](Json& j) { j["model"]["continuing_subword_prefix"] = "##"; }},
      {"suffix", kUnsupported, "'end_of_word_suffix'",
       [](Json& j) { j["model"]["end_of_word_suffix"] = "</w>"; }},
      {"fallback", kUnsupported, "'byte_fallback'",
       [](Json& j) { j["model"]["byte_fallback"] = true; }},
      {"ignore_text", kCorrupt, "'ignore_merges'",
       [](Json& j) { j["model"]["ignore_merges"] = "yes"; }},
      {"no_vocab", kCorrupt, "'vocab'",
       [](Json& j) { j["model"].erase("vocab"); }},
      {"id_negative", kCorrupt, "expected an id",
       [](Json& j) { j["model"]["vocab"]["he"] = -1; }},
      {"id_huge", kCorrupt, "expected an id",
       [](Json& j) { j["model"]["vocab"]["he"] = 18446744073709551615U; }},
      {"id_real", kCorrupt, "expected an id",
       [](Json& j) { j["model"]["vocab"]["he"] = 1.5; }},
      {"id_twice", kCorrupt, "257 twice",
       [](Json& j) { j["model"]["vocab"]["he"] = 257; }},
      {"entry_empty", kCorrupt, "not empty",
       [](Json& j) { j["model"]["vocab"][""] = 400; }},
      {"no_byte", kCorrupt, "for byte 97",
       [](Json& j) { j["model"]["vocab"].erase("a"); }},
      {"no_merges", kCorrupt, "'merges'",
       [](Json& j) { j["model"]["merges"] = 3; }},
      {"merge_one", kCorrupt, "index 0",
       [](Json& j) { j["model"]["merges"][0] = "he"; }},
      {"merge_three", kCorrupt, "index 1",
       [](Json& j) { j["model"]["merges"][1] = {"h", "e", "l"}; }},
      {"merge_number", kCorrupt, "index 1",
       [](Json& j) { j["model"]["merges"][1] = {1, 2}; }},
      {"merge_unknown", kCorrupt, "'zzz'",
       [](Json& j) { j["model"]["merges"][0] = {"zzz", "e"}; }},
      {"merge_into_unknown", kCorrupt, "'ex'",
       [](Json& j) { j["model"]["merges"][0] = {"e", "x"}; }},
  };
}

Json& pre_step(Json& j, std::size_t i) {
  return j["pre_tokenizer"]["pretokenizers"][i];
}

std::vector<BadFile> bad_pre_tokenizers() {
  return {
      {"none", kCorrupt, "'pre_tokenizer'",
       [](Json& j) { j["pre_tokenizer"] = nullptr; }},
      {"metaspace", kUnsupported, "Metaspace",
       [](Json& j) { j["pre_tokenizer"] = {{"type", "Metaspace"}}; }},
      {"no_steps", kCorrupt, "'pretokenizers'",
       [](Json& j) { j["pre_tokenizer"]["pretokenizers"] = Json::array(); }},
      {"digits", kUnsupported, "Digits",
       [](Json& j) { pre_step(j, 0) = {{"type", "Digits"}}; }},
      {"split_last", kUnsupported, "ByteLevel as the last",
       [](Json& j) { j["pre_tokenizer"]["pretokenizers"].erase(1); }},
      {"behavior", kUnsupported, "'behavior'",
       [](Json& j) { pre_step(j, 0)["behavior"] = "Removed"; }},
      {"invert", kUnsupported, "'invert'",
       [](Json& j) { pre_step(j, 0)["invert"] = true; }},
      {"no_pattern", kCorrupt, "'pattern'",
       [](Json& j) { pre_step(j, 0).erase("pattern"); }},
      {"regex", kUnsupported, "'\\w+'",
       [](Json& j) { pre_step(j, 0)["pattern"]["Regex"] = "\\w+"; }},
      {"regex_broken", kCorrupt, "Regex",
       [](Json& j) { pre_step(j, 0)["pattern"] = {{"Rgex", "a"}}; }},
  };
}

std::vector<BadFile> bad_added_tokens() {
  return {
      {"object", kCorrupt, "'added_tokens'",
       [](Json& j) { j["added_tokens"] = {{"a", 1}}; }},
      {"number", kCorrupt, "added_tokens[0]",
       [](Json& j) { j["added_tokens"][0] = 5; }},
      {"no_content", kCorrupt, "'content'",
       [](Json& j) { j["added_tokens"][1].erase("content"); }},
      {"empty", kCorrupt, "not empty",
       [](Json& j) { j["added_tokens"][1]["content"] = ""; }},
      {"twice", kCorrupt, "'<s>' twice",
       [](Json& j) { j["added_tokens"][1]["content"] = "<s>"; }},
      {"gap", kCorrupt, "expected id 262",
       [](Json& j) { j["added_tokens"][1]["id"] = 300; }},
      {"own_id", kCorrupt, "expected id 259",
       [](Json& j) { j["added_tokens"][1]["content"] = "hello"; }},
      {"long", kUnsupported, "1024 bytes",
       [](Json& j) {
         j["added_tokens"][1]["content"] = std::string(1025, 'x');
       }},
      {"flag", kCorrupt, "'lstrip'",
       [](Json& j) { j["added_tokens"][1]["lstrip"] = 1; }},
  };
}

std::vector<BadFile> bad_post_processors() {
  return {
      {"bert", kUnsupported, "BertProcessing",
       [](Json& j) { j["post_processor"]["type"] = "BertProcessing"; }},
      {"nested", kUnsupported, "Sequence",
       [](Json& j) {
         const Json inner = {{"type", "Sequence"},
                             {"processors", Json::array()}};
         j["post_processor"] = {{"type", "Sequence"}, {"processors", {inner}}};
       }},
      {"single_text", kCorrupt, "'single'",
       [](Json& j) { j["post_processor"]["single"] = "<s> $A </s>"; }},
      {"no_text", kUnsupported, "got 0 times",
       [](Json& j) { j["post_processor"]["single"].erase(1); }},
      {"sequence_b", kCorrupt, "sequence A",
       [](Json& j) {
         j["post_processor"]["single"][1]["Sequence"]["id"] = "B";
       }},
      {"unknown_token", kCorrupt, "'<x>'",
       [](Json& j) {
         j["post_processor"]["single"][0]["SpecialToken"]["id"] = "<x>";
       }},
      {"id_range", kCorrupt, "ids below 263",
       [](Json& j) {
         j["post_processor"]["special_tokens"]["<s>"]["ids"][0] = 263;
       }},
      {"piece", kCorrupt, "'SpecialToken'",
       [](Json& j) { j["post_processor"]["single"][0] = Json::object(); }},
  };
}

class BadTokenizerFile : public testing::TestWithParam<BadFile> {};

TEST_P(BadTokenizerFile, GivesAOneLineError) {
  Json file = small_tokenizer();
  GetParam().change(file);
  expect_error(GetParam().code, GetParam().message, [&] { load_json(file); });
}

std::string name_of(const testing::TestParamInfo<BadFile>& info) {
  return info.param.name;
}

INSTANTIATE_TEST_SUITE_P(TopLevel, BadTokenizerFile,
                         testing::ValuesIn(bad_top_level()), name_of);
INSTANTIATE_TEST_SUITE_P(Model, BadTokenizerFile,
                         testing::ValuesIn(bad_models()), name_of);
INSTANTIATE_TEST_SUITE_P(PreTokenizer, BadTokenizerFile,
                         testing::ValuesIn(bad_pre_tokenizers()), name_of);
INSTANTIATE_TEST_SUITE_P(AddedTokens, BadTokenizerFile,
                         testing::ValuesIn(bad_added_tokens()), name_of);
INSTANTIATE_TEST_SUITE_P(PostProcessor, BadTokenizerFile,
                         testing::ValuesIn(bad_post_processors()), name_of);

TEST(Tokenizer, TruncatedFilesNeverLoad) {
  const std::string text = small_tokenizer().dump();
  for (std::size_t size = 0; size < text.size();
       size += 1 + text.size() / 400) {
    EXPECT_THROW(load_text(text.substr(0, size)), Error) << size;
  }
}

TEST(Tokenizer, DuplicateKeysAndDeepNestingAreRefused) {
  std::string text = small_tokenizer().dump();
  text.insert(1, "\"model\":1,");
  expect_error(kCorrupt, "'model' twice", [&] { load_text(text); });
  expect_error(kCorrupt, "nesting", [] {
    load_text(std::string(100'000, '[') + std::string(100'000, ']'));
  });
}

}  // namespace
}  // namespace csm::text
