#include "csm/weights/gguf_tokenizer.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <string>
#include <utility>
#include <vector>

#include "csm/weights/gguf_file.h"
#include "csm/weights/gguf_testing.h"

namespace csm::weights {
namespace {

using testing_support::expect_error;
using testing_support::gguf_string;
using testing_support::gguf_strings;
using testing_support::gguf_u32;
using testing_support::ScratchFolder;
using testing_support::TestGguf;
using testing_support::write_file;

constexpr const char* kTokens = "tokenizer.ggml.tokens";
constexpr const char* kMerges = "tokenizer.ggml.merges";

class GgufTokenizer : public testing::Test {
 protected:
  std::optional<Json> tokenizer(const std::vector<std::string>& pairs) {
    write_file(folder_.path() / "a.gguf",
               TestGguf{.pairs = pairs, .tensors = {}}.bytes());
    return GgufFile(folder_.path() / "a.gguf").tokenizer();
  }
  void refuse(ErrorCode code, const std::vector<std::string>& parts,
              const std::vector<std::string>& pairs) {
    expect_error(code, parts, [&] { (void)tokenizer(pairs); });
  }

  ScratchFolder folder_;
  const std::string tokens_ =
      gguf_strings(kTokens, {"a", "b", "<|x|>", "ab", "<|begin_of_text|>",
                             "<|reserved_special_token_0|>"});
  const std::string merges_ = gguf_strings(kMerges, {"a b"});
};

TEST_F(GgufTokenizer, IsLlama3s) {
  const Json json = tokenizer({tokens_, merges_}).value();
  // The special tokens at the end are no entries of the model.
  EXPECT_EQ(json["model"]["vocab"],
            Json({{"a", 0}, {"b", 1}, {"<|x|>", 2}, {"ab", 3}}));
  EXPECT_EQ(json["model"]["merges"], Json({"a b"}));
  EXPECT_EQ(json["model"]["type"], "BPE");
  EXPECT_EQ(json["model"]["ignore_merges"], true);
  ASSERT_EQ(json["added_tokens"].size(), 3U);
  EXPECT_EQ(json["added_tokens"][0]["id"], 2);
  EXPECT_EQ(json["added_tokens"][1]["content"], "<|begin_of_text|>");
  EXPECT_EQ(json["added_tokens"][2]["id"], 5);
  EXPECT_EQ(json["added_tokens"][2]["special"], true);
  EXPECT_TRUE(json["post_processor"].is_null());
}

TEST_F(GgufTokenizer, NoneInTheFile) {
  EXPECT_FALSE(tokenizer({gguf_u32("a", 1)}).has_value());
}

TEST_F(GgufTokenizer, NamesOfItsKind) {
  EXPECT_TRUE(
      tokenizer({tokens_, merges_, gguf_string("tokenizer.ggml.model", "gpt2"),
                 gguf_string("tokenizer.ggml.pre", "llama-bpe")}));
  refuse(ErrorCode::kUnsupported, {"expected gpt2, got llama", "ggml.model"},
         {tokens_, merges_, gguf_string("tokenizer.ggml.model", "llama")});
  refuse(ErrorCode::kUnsupported, {"llama-bpe, got qwen2", "ggml.pre"},
         {tokens_, merges_, gguf_string("tokenizer.ggml.pre", "qwen2")});
}

TEST_F(GgufTokenizer, BrokenLists) {
  refuse(ErrorCode::kCorrupt, {"one of them", kMerges, "a.gguf"}, {tokens_});
  refuse(ErrorCode::kCorrupt, {"one of them", kTokens}, {merges_});
  refuse(ErrorCode::kCorrupt, {"array of strings", kTokens},
         {gguf_u32(kTokens, 1), merges_});
  refuse(ErrorCode::kCorrupt, {"'a' twice", kTokens},
         {gguf_strings(kTokens, {"a", "b", "a"}), merges_});
  refuse(ErrorCode::kCorrupt, {"UTF-8", kTokens},
         {gguf_strings(kTokens, {"a", "\xFF"}), merges_});
  refuse(ErrorCode::kCorrupt, {"UTF-8"},
         {tokens_, gguf_strings(kMerges, {"a \xC3"})});
}

Json demo_tokenizer() {
  return parse_json_file(std::filesystem::path(CSM_SOURCE_DIR) /
                         "models/demo/tokenizer.json");
}

TEST_F(GgufTokenizer, TokensOfATokenizer_ReadAgain) {
  const Json demo = demo_tokenizer();
  const GgufTokens tokens = gguf_tokens_of(demo).value();
  EXPECT_EQ(tokens.tokens.at(301), "<|begin_of_text|>");
  EXPECT_EQ(tokens.tokens.size(), 305U);
  EXPECT_EQ(tokens.merges.at(0), "t h");
  GgufPairs pairs;
  add_gguf_tokens(tokens, pairs);
  const auto path = folder_.path() / "written.gguf";
  GgufWriter(path, {}, pairs).finish();
  const Json read = GgufFile(path).tokenizer().value();
  EXPECT_EQ(read["model"]["vocab"], demo["model"]["vocab"]);
  EXPECT_EQ(read["model"]["merges"], Json(tokens.merges));
  EXPECT_EQ(read["model"]["ignore_merges"], demo["model"]["ignore_merges"]);
  EXPECT_EQ(read["pre_tokenizer"]["pretokenizers"][0]["pattern"],
            demo["pre_tokenizer"]["pretokenizers"][0]["pattern"]);
  ASSERT_EQ(read["added_tokens"].size(), demo["added_tokens"].size());
  for (std::size_t i = 0; i < read["added_tokens"].size(); ++i) {
    EXPECT_EQ(read["added_tokens"][i], demo["added_tokens"][i]);
  }
}

TEST_F(GgufTokenizer, TokensOfAnotherForm_AreNone) {
  const std::vector<std::pair<const char*, Json>> changes = {
      {"/normalizer", {{"type", "NFC"}}},
      {"/pre_tokenizer/pretokenizers/0/pattern", {{"Regex", "[a-z]+"}}},
      {"/pre_tokenizer", nullptr},
      {"/model/ignore_merges", false},
      {"/model", nullptr},
      {"/model/merges/0", {"t"}},
      {"/model/vocab/th", 400},          // a hole behind it
      {"/added_tokens/0/content", "!"},  // not special by its text
      {"/added_tokens", 1},
  };
  for (const auto& [pointer, value] : changes) {
    Json json = demo_tokenizer();
    json[Json::json_pointer(pointer)] = value;
    EXPECT_FALSE(gguf_tokens_of(json).has_value()) << pointer;
  }
  EXPECT_FALSE(gguf_tokens_of(Json::array()).has_value());
}

}  // namespace
}  // namespace csm::weights
