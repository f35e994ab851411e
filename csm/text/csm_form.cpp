#include "csm/text/csm_form.h"

#include <string>
#include <string_view>
#include <vector>

namespace csm::text {
namespace {

constexpr const char* kBos = "<|begin_of_text|>";
constexpr const char* kEos = "<|end_of_text|>";
constexpr std::string_view kReserved = "<|reserved_special_token_";

// The entry of an added token, by what it reads or by its id; null if none.
Json* find_token(Json& tokens, const Json& key, const char* field) {
  for (Json& token : tokens) {
    if (token.is_object() && token.contains(field) && token[field] == key) {
      return &token;
    }
  }
  return nullptr;
}

// Whether a step of a post-processor puts something behind the text.
bool ends_text(const Json& step) {
  if (!step.is_object() || !step.contains("type")) return false;
  if (step["type"] == "Sequence" && step.contains("processors")) {
    for (const Json& inner : step["processors"]) {
      if (ends_text(inner)) return true;
    }
  }
  return step["type"] == "TemplateProcessing" && step.contains("single") &&
         step["single"].is_array() && !step["single"].empty() &&
         step["single"].back().is_object() &&
         step["single"].back().contains("SpecialToken");
}

Json piece(const char* kind, const char* id) {
  return {{kind, {{"id", id}, {"type_id", 0}}}};
}

Json special(const char* name, const Json& token) {
  return {{"id", name},
          {"ids", Json::array({token["id"]})},
          {"tokens", Json::array({name})}};
}

Json csm_template(const Json& bos, const Json& eos) {
  return {{"type", "TemplateProcessing"},
          {"single",
           {piece("SpecialToken", kBos), piece("Sequence", "A"),
            piece("SpecialToken", kEos)}},
          {"special_tokens",
           {{kBos, special(kBos, bos)}, {kEos, special(kEos, eos)}}}};
}

void rename_reserved(Json& tokens, std::int32_t id, const char* name) {
  if (find_token(tokens, name, "content") != nullptr) return;
  Json* token = find_token(tokens, id, "id");
  if (token == nullptr || !(*token)["content"].is_string()) return;
  const auto& content = (*token)["content"].get_ref<const std::string&>();
  if (content.starts_with(kReserved)) (*token)["content"] = name;
}

}  // namespace

void give_csm_form(Json& tokenizer, AudioTokenIds ids) {
  if (!tokenizer.is_object() || !tokenizer.contains("added_tokens")) return;
  Json& tokens = tokenizer["added_tokens"];
  if (!tokens.is_array()) return;
  const Json* bos = find_token(tokens, kBos, "content");
  const Json* eos = find_token(tokens, kEos, "content");
  if (bos == nullptr || eos == nullptr) return;
  if (!tokenizer.contains("post_processor") ||
      !ends_text(tokenizer["post_processor"])) {
    tokenizer["post_processor"] = csm_template(*bos, *eos);
  }
  rename_reserved(tokens, ids.audio, "<|AUDIO|>");
  rename_reserved(tokens, ids.audio_eos, "<|audio_eos|>");
}

}  // namespace csm::text
