#include "csm/weights/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <string_view>
#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::weights {
namespace {

constexpr const char* kTokens = "tokenizer.ggml.tokens";
constexpr const char* kMerges = "tokenizer.ggml.merges";
// Source: spec/weights.md 6.
constexpr const char* kLlama3Regex =
    R"((?i:'s|'t|'re|'ve|'m|'ll|'d)|[^\r\n\p{L}\p{N}]?\p{L}+|\p{N}{1,3})"
    R"(| ?[^\s\p{L}\p{N}]+[\r\n]*|\s*[\r\n]+|\s+(?!\S)|\s+)";

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const std::string& origin, const char* key) {
  throw Error(code, str_cat("[weights.gguf_tokenizer] ", what, " (", origin,
                            ": key '", key, "')"));
}

// A key may be absent, but not name something else.
template <std::size_t N>
void require_one_of(const GgufMetadata& metadata, const char* key,
                    const std::array<std::string_view, N>& known,
                    const std::string& origin) {
  const auto value = metadata.string(key);
  if (!value || std::count(known.begin(), known.end(), *value) != 0) return;
  fail(ErrorCode::kUnsupported,
       str_cat("expected ", known[0], ", got ", printable(*value, 40)), origin,
       key);
}

bool is_special(std::string_view token) {
  return token.size() > 4 && token.starts_with("<|") && token.ends_with("|>");
}

// Where the special tokens at the end begin: they are no entries of the model.
std::size_t vocabulary_size(const std::vector<std::string_view>& tokens) {
  std::size_t n = tokens.size();
  while (n > 0 && is_special(tokens[n - 1])) --n;
  return n;
}

Json vocabulary_of(const std::vector<std::string_view>& tokens,
                   const std::string& origin) {
  Json vocabulary = Json::object();
  for (std::size_t id = 0; id < vocabulary_size(tokens); ++id) {
    if (!vocabulary.emplace(tokens[id], id).second) {
      fail(ErrorCode::kCorrupt,
           str_cat("expected different texts, got '", printable(tokens[id], 40),
                   "' twice"),
           origin, kTokens);
    }
  }
  return vocabulary;
}

Json added_tokens_of(const std::vector<std::string_view>& tokens) {
  Json added = Json::array();
  for (std::size_t id = 0; id < tokens.size(); ++id) {
    if (!is_special(tokens[id])) continue;
    added.push_back({{"id", id},
                     {"content", tokens[id]},
                     {"single_word", false},
                     {"lstrip", false},
                     {"rstrip", false},
                     {"normalized", false},
                     {"special", true}});
  }
  return added;
}

// JSON holds UTF-8 only, and writing it is how the library looks.
void check_utf8(const Json& json, const std::string& origin) {
  try {
    (void)json.dump();
  } catch (const Json::exception&) {
    fail(ErrorCode::kCorrupt, "expected texts in UTF-8", origin, kTokens);
  }
}

}  // namespace

std::optional<Json> gguf_tokenizer(const GgufMetadata& metadata,
                                   const std::string& origin) {
  const auto tokens = metadata.strings(kTokens);
  const auto merges = metadata.strings(kMerges);
  if (!tokens && !merges) return std::nullopt;
  if (!tokens || !merges) {
    fail(ErrorCode::kCorrupt, "expected tokens and merges, got one of them",
         origin, tokens ? kMerges : kTokens);
  }
  require_one_of(metadata, "tokenizer.ggml.model",
                 std::array<std::string_view, 1>{"gpt2"}, origin);
  require_one_of(metadata, "tokenizer.ggml.pre",
                 std::array<std::string_view, 2>{"llama-bpe", "default"},
                 origin);
  Json json = {
      {"added_tokens", added_tokens_of(*tokens)},
      {"normalizer", nullptr},
      {"pre_tokenizer",
       {{"type", "Sequence"},
        {"pretokenizers",
         {{{"type", "Split"},
           {"pattern", {{"Regex", kLlama3Regex}}},
           {"behavior", "Isolated"},
           {"invert", false}},
          {{"type", "ByteLevel"},
           {"add_prefix_space", false},
           {"use_regex", false}}}}}},
      {"post_processor", nullptr},
      {"decoder", {{"type", "ByteLevel"}}},
      {"model", {{"type", "BPE"}, {"ignore_merges", true}}},
  };
  json["model"]["vocab"] = vocabulary_of(*tokens, origin);
  json["model"]["merges"] = *merges;
  check_utf8(json, origin);
  return json;
}

}  // namespace csm::weights
