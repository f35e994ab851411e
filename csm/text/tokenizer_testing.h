#pragma once

// For tests only: a small tokenizer.json to start from, and loading one from
// memory.

#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/text/byte_level.h"
#include "csm/text/tokenizer.h"

namespace csm::text::testing_support {

/// 256 byte entries (id = byte), then "he" "ll" "hell" "hello" "Ġhello" (the
/// last without a merge), then the added tokens <s>, </s>. Template <s> A </s>.
inline Json small_tokenizer() {
  Json vocabulary = Json::object();
  const ByteAlphabet alphabet;
  for (int byte = 0; byte < 256; ++byte) {
    vocabulary[alphabet.character(static_cast<std::uint8_t>(byte))] = byte;
  }
  int next = 256;
  for (const char* entry : {"he", "ll", "hell", "hello", "\u0120hello"}) {
    vocabulary[entry] = next++;
  }
  Json file = Json::parse(R"json({
    "version": "1.0", "truncation": null, "padding": null,
    "added_tokens": [
      {"id": 261, "content": "<s>", "single_word": false, "lstrip": false,
       "rstrip": false, "normalized": false, "special": true},
      {"id": 262, "content": "</s>", "single_word": false, "lstrip": false,
       "rstrip": false, "normalized": false, "special": true}],
    "normalizer": null,
    "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
      {"type": "Split", "behavior": "Isolated", "invert": false,
       "pattern": {"Regex": " ?\\p{L}+|\\p{N}{1,3}|\\s+|[^\\s\\p{L}\\p{N}]+"}},
      {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true,
       "use_regex": false}]},
    "post_processor": {"type": "TemplateProcessing",
      "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}},
                 {"Sequence": {"id": "A", "type_id": 0}},
                 {"SpecialToken": {"id": "</s>", "type_id": 0}}],
      "pair": [],
      "special_tokens": {
        "<s>": {"id": "<s>", "ids": [261], "tokens": ["<s>"]},
        "</s>": {"id": "</s>", "ids": [262], "tokens": ["</s>"]}}},
    "decoder": {"type": "ByteLevel"},
    "model": {"type": "BPE", "dropout": null, "unk_token": null,
      "continuing_subword_prefix": null, "end_of_word_suffix": null,
      "fuse_unk": false, "byte_fallback": false, "ignore_merges": true,
      "merges": [["h", "e"], ["l", "l"], ["he", "ll"], ["hell", "o"]]}})json");
  file["model"]["vocab"] = std::move(vocabulary);
  return file;
}

/// A path of its own for the running test.
inline std::filesystem::path scratch_file(const std::string& name) {
  const auto* info = testing::UnitTest::GetInstance()->current_test_info();
  std::string unique =
      std::string(info->test_suite_name()) + "_" + info->name() + "_" + name;
  std::replace(unique.begin(), unique.end(), '/', '_');
  return std::filesystem::path(testing::TempDir()) / unique;
}

inline Tokenizer load_text(const std::string& text) {
  const std::filesystem::path path = scratch_file("tokenizer.json");
  std::ofstream(path, std::ios::binary) << text;
  struct Remove {
    const std::filesystem::path& path;
    ~Remove() { std::filesystem::remove(path); }
  } const remove{path};
  return Tokenizer::load(path);
}

inline Tokenizer load_json(const Json& json) { return load_text(json.dump()); }

/// Runs `f`, which must throw Error{code} with `part` in its message, on one
/// line.
template <class F>
void expect_error(ErrorCode code, const std::string& part, F&& f) {
  try {
    f();
    ADD_FAILURE() << "no error, expected: " << part;
  } catch (const Error& error) {
    const std::string message = error.what();
    EXPECT_EQ(to_string(error.code()), std::string(to_string(code))) << message;
    EXPECT_NE(message.find(part), std::string::npos) << message;
    EXPECT_EQ(message.find('\n'), std::string::npos) << message;
  }
}

}  // namespace csm::text::testing_support
