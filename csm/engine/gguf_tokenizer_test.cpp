// A tokenizer out of a GGUF file against the tokenizer.json that it was made
// of, whose ids are those of PyPI `tokenizers`
// (csm/text/tokenizer_golden_test).

#include <gtest/gtest.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "csm/text/csm_form.h"
#include "csm/text/tokenizer.h"
#include "csm/weights/gguf_file.h"
#include "csm/weights/gguf_testing.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;
using weights::testing_support::gguf_strings;
using weights::testing_support::read_file;
using weights::testing_support::ScratchFolder;
using weights::testing_support::TestGguf;
using weights::testing_support::write_file;

const fs::path kSource = CSM_SOURCE_DIR;

// Only the added tokens that a GGUF file can say: those like <|this|>, which
// come first.
Json sayable(Json tokenizer) {
  Json kept = Json::array();
  for (const Json& token : tokenizer["added_tokens"]) {
    const auto content = token["content"].get<std::string>();
    if (content.starts_with("<|") && content.ends_with("|>")) {
      kept.push_back(token);
    }
  }
  tokenizer["added_tokens"] = kept;
  return tokenizer;
}

// tokenizer.ggml.tokens and .merges of a tokenizer.json, as spec/weights.md 4a
// has them.
std::vector<std::string> lists_of(const Json& tokenizer) {
  std::vector<std::string> tokens(tokenizer["model"]["vocab"].size());
  for (const auto& [text, id] : tokenizer["model"]["vocab"].items()) {
    tokens.at(id.get<std::size_t>()) = text;
  }
  for (const Json& token : tokenizer["added_tokens"]) {
    EXPECT_EQ(token["id"], tokens.size());
    tokens.push_back(token["content"]);
  }
  std::vector<std::string> merges;
  for (const Json& merge : tokenizer["model"]["merges"]) {
    merges.push_back(merge.is_string() ? merge.get<std::string>()
                                       : merge[0].get<std::string>() + " " +
                                             merge[1].get<std::string>());
  }
  return {gguf_strings("tokenizer.ggml.tokens", tokens),
          gguf_strings("tokenizer.ggml.merges", merges)};
}

// The texts of tools/oracle/tokenizer_goldens.py.
std::vector<std::string> texts() {
  const std::string data =
      read_file(kSource / "tests/data/tokenizer/texts.bin");
  std::vector<std::string> out;
  std::uint16_t size = 0;
  for (std::size_t i = 4; i + sizeof size <= data.size(); i += size) {
    std::memcpy(&size, data.data() + i, sizeof size);
    i += sizeof size;
    out.push_back(data.substr(i, size));
  }
  return out;
}

class GgufTokenizerIds : public testing::TestWithParam<const char*> {};

TEST_P(GgufTokenizerIds, AreThoseOfTheTokenizerJson) {
  const Json original = sayable(Json::parse(read_file(kSource / GetParam())));
  const auto expected = text::Tokenizer::parse(JsonObject(original, "json"));
  const ScratchFolder folder;
  write_file(folder / "a.gguf",
             TestGguf{.pairs = lists_of(original), .tensors = {}}.bytes());
  Json json = weights::GgufFile(folder / "a.gguf").tokenizer().value();
  text::give_csm_form(json, {.audio = *expected.token_id("<|AUDIO|>"),
                             .audio_eos = *expected.token_id("<|audio_eos|>")});
  const auto got = text::Tokenizer::parse(JsonObject(json, "gguf"));
  EXPECT_EQ(got.vocab_size(), expected.vocab_size());
  const std::vector<std::string> all = texts();
  ASSERT_GT(all.size(), 20000U);
  for (std::size_t i = 0; i < all.size(); i += 3) {
    const auto ids = expected.encode(all[i], true);
    ASSERT_EQ(got.encode(all[i], true), ids) << all[i];
    ASSERT_EQ(got.decode(ids), expected.decode(ids)) << all[i];
  }
}

INSTANTIATE_TEST_SUITE_P(Files, GgufTokenizerIds,
                         testing::Values("models/demo/tokenizer.json",
                                         "tests/data/tokenizer/tokenizer.json"),
                         [](const auto& test) {
                           return test.index == 0 ? "demo" : "english";
                         });

}  // namespace
}  // namespace csm::engine
