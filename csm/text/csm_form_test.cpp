#include "csm/text/csm_form.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "csm/text/tokenizer.h"

namespace csm::text {
namespace {

using Ids = std::vector<std::int32_t>;

constexpr AudioTokenIds kIds = {.audio = 3002, .audio_eos = 3003};

// In CSM's form, by PyPI tokenizers (tools/oracle/tokenizer_goldens.py).
Json csm() {
  return parse_json_file(std::string(CSM_SOURCE_DIR) +
                         "/tests/data/tokenizer/tokenizer.json");
}

// The same as Llama 3.2's file is: a text begins but does not end with a
// special token, and the tokens of audio are reserved ones.
Json llama() {
  Json json = csm();
  json["post_processor"]["processors"][1]["single"].erase(2);
  json["added_tokens"][2]["content"] = "<|reserved_special_token_0|>";
  json["added_tokens"][3]["content"] = "<|reserved_special_token_1|>";
  return json;
}

Tokenizer parsed(const Json& json) {
  return Tokenizer::parse(JsonObject(json, "tokenizer.json"));
}

TEST(CsmForm, LlamasTokenizerBecomesCsms) {
  Json json = llama();
  const std::string text = "[0]Hello <|AUDIO|><|audio_eos|> you 123.";
  const Tokenizer want = parsed(csm());
  EXPECT_NE(parsed(json).encode(text, true), want.encode(text, true));
  give_csm_form(json, kIds);
  const Tokenizer got = parsed(json);
  EXPECT_EQ(got.encode(text, true), want.encode(text, true));
  EXPECT_EQ(got.encode(text, false), want.encode(text, false));
  EXPECT_EQ(got.token_id("<|reserved_special_token_0|>"), std::nullopt);
}

TEST(CsmForm, WithoutAnyTemplate_GetsIt) {
  const Ids want = parsed(csm()).encode("a", true);
  Json absent = llama();
  absent.erase("post_processor");
  Json null = absent;
  null["post_processor"] = nullptr;
  Json bytes = absent;
  bytes["post_processor"] = {{"type", "ByteLevel"}, {"trim_offsets", false}};
  for (Json json : {absent, null, bytes}) {
    EXPECT_NE(parsed(json).encode("a", true), want);
    give_csm_form(json, kIds);
    EXPECT_EQ(parsed(json).encode("a", true), want);
  }
}

TEST(CsmForm, WhatHasItStaysAsItIs) {
  Json json = llama();
  give_csm_form(json, kIds);
  const Json once = json;
  give_csm_form(json, kIds);
  EXPECT_EQ(json, once);
}

TEST(CsmForm, OtherTokenizersStayAsTheyAre) {
  Json other = llama();
  other["added_tokens"][1]["content"] = "</s>";
  Json unnamed = llama();
  unnamed["added_tokens"][2]["content"] = "<|mine|>";
  unnamed["added_tokens"][3]["content"] = "<|AUDIO|>";
  for (Json json : {other, Json::array(), Json{{"added_tokens", 3}}}) {
    const Json before = json;
    give_csm_form(json, kIds);
    EXPECT_EQ(json, before);
  }
  const Json tokens = unnamed["added_tokens"];
  give_csm_form(unnamed, kIds);
  EXPECT_EQ(unnamed["added_tokens"], tokens);
}

}  // namespace
}  // namespace csm::text
