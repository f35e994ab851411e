#include "csm/weights/gguf_tokenizer.h"

#include <algorithm>
#include <array>
#include <map>
#include <string_view>
#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::weights {
namespace {

constexpr const char* kModel = "tokenizer.ggml.model";
constexpr const char* kPreTokenizer = "tokenizer.ggml.pre";
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
std::size_t vocabulary_size(const std::vector<std::string>& tokens) {
  std::size_t n = tokens.size();
  while (n > 0 && is_special(tokens[n - 1])) --n;
  return n;
}

Json vocabulary_of(const std::vector<std::string>& tokens,
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

Json added_tokens_of(const std::vector<std::string>& tokens) {
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

// Of a tokenizer.json: texts in the order of their ids, none if an id has no
// text.
std::vector<std::string> tokens_of(const Json& tokenizer) {
  std::map<std::size_t, std::string> by_id;
  for (const auto& [text, id] : tokenizer.at("model").at("vocab").items()) {
    by_id.emplace(id.get<std::size_t>(), text);
  }
  for (const Json& token : tokenizer.at("added_tokens")) {
    by_id.emplace(token.at("id").get<std::size_t>(),
                  token.at("content").get<std::string>());
  }
  std::vector<std::string> out;
  for (auto& [id, text] : by_id) {
    if (id != out.size()) return {};
    out.push_back(std::move(text));
  }
  return out;
}

// A merge is "a b" or ["a", "b"].
std::vector<std::string> merges_of(const Json& tokenizer) {
  std::vector<std::string> out;
  for (const Json& merge : tokenizer.at("model").at("merges")) {
    out.push_back(merge.is_string()
                      ? merge.get<std::string>()
                      : str_cat(merge.at(0).get<std::string>(), ' ',
                                merge.at(1).get<std::string>()));
  }
  return out;
}

// What two files of the same tokenizer have in common, but for the
// post-processor.
Json essence(const Json& tokenizer) {
  const Json& model = tokenizer.at("model");
  Json added = Json::object();
  for (const Json& token : tokenizer.at("added_tokens")) {
    added[token.at("content").get<std::string>()] = token.at("id");
  }
  Json patterns = Json::array();
  for (const Json& part : tokenizer.at("pre_tokenizer").at("pretokenizers")) {
    patterns.push_back(part.value("pattern", Json()));
  }
  return {{"added", added},
          {"patterns", patterns},
          {"normalizer", tokenizer.value("normalizer", Json())},
          {"vocab", model.at("vocab")},
          {"merges", merges_of(tokenizer)},
          {"ignore_merges", model.value("ignore_merges", false)}};
}

}  // namespace

Json llama3_tokenizer(const GgufTokens& stored, const std::string& origin) {
  Json json = {
      {"added_tokens", added_tokens_of(stored.tokens)},
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
  json["model"]["vocab"] = vocabulary_of(stored.tokens, origin);
  json["model"]["merges"] = stored.merges;
  check_utf8(json, origin);
  return json;
}

std::optional<GgufTokens> gguf_tokens_of(const Json& tokenizer) {
  try {
    GgufTokens out = {.tokens = tokens_of(tokenizer),
                      .merges = merges_of(tokenizer)};
    const bool same =
        essence(tokenizer) == essence(llama3_tokenizer(out, "tokenizer.json"));
    return same ? std::optional(std::move(out)) : std::nullopt;
  } catch (const Error&) {
    return std::nullopt;
  } catch (const Json::exception&) {  // of another form
    return std::nullopt;
  }
}

void add_gguf_tokens(const GgufTokens& tokens, GgufPairs& to) {
  to.add_string(kModel, "gpt2");
  to.add_string(kPreTokenizer, "llama-bpe");
  to.add_strings(kTokens, tokens.tokens);
  to.add_strings(kMerges, tokens.merges);
}

std::optional<Json> gguf_tokenizer(const GgufMetadata& metadata,
                                   const std::string& origin) {
  const auto tokens = metadata.strings(kTokens);
  const auto merges = metadata.strings(kMerges);
  if (!tokens && !merges) return std::nullopt;
  if (!tokens || !merges) {
    fail(ErrorCode::kCorrupt, "expected tokens and merges, got one of them",
         origin, tokens ? kMerges : kTokens);
  }
  require_one_of(metadata, kModel, std::array<std::string_view, 1>{"gpt2"},
                 origin);
  require_one_of(metadata, kPreTokenizer,
                 std::array<std::string_view, 2>{"llama-bpe", "default"},
                 origin);
  return llama3_tokenizer({.tokens = {tokens->begin(), tokens->end()},
                           .merges = {merges->begin(), merges->end()}},
                          origin);
}

}  // namespace csm::weights
