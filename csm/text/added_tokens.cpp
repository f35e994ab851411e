#include "csm/text/added_tokens.h"

#include <algorithm>
#include <optional>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/text/unicode.h"
#include "csm/text/unicode_class.h"

namespace csm::text {
namespace {

constexpr std::size_t kMaxContent = 1024;
constexpr std::int64_t kMaxId = (1 << 24) - 1;

std::uint64_t edge(std::uint32_t node, char byte) {
  return (static_cast<std::uint64_t>(node) << 8U) |
         static_cast<std::uint8_t>(byte);
}

bool ends_with_word(std::string_view text, std::size_t end) {
  if (end == 0) return false;
  const std::size_t start = last_code_point_start(text, end);
  return is_member(UnicodeClass::kWord, first_code_point(text.substr(start)));
}

bool starts_with_word(std::string_view text, std::size_t begin) {
  return begin < text.size() &&
         is_member(UnicodeClass::kWord, first_code_point(text.substr(begin)));
}

// Start of the white space that ends at `end`.
std::size_t skip_space_left(std::string_view text, std::size_t end) {
  while (end > 0) {
    const std::size_t start = last_code_point_start(text, end);
    if (!is_member(UnicodeClass::kSpace,
                   first_code_point(text.substr(start)))) {
      break;
    }
    end = start;
  }
  return end;
}

// End of the white space that starts at `begin`.
std::size_t skip_space_right(std::string_view text, std::size_t begin) {
  while (begin < text.size()) {
    const std::string_view rest = text.substr(begin);
    if (!is_member(UnicodeClass::kSpace, first_code_point(rest))) break;
    begin += utf8_sequence_length(rest);
  }
  return begin;
}

}  // namespace

void TokenTrie::add(std::string_view content, std::size_t index) {
  std::uint32_t node = 0;
  for (const char byte : content) {
    const auto next = static_cast<std::uint32_t>(index_of_node_.size());
    const auto [it, is_new] = children_.emplace(edge(node, byte), next);
    if (is_new) index_of_node_.push_back(kNone);
    node = it->second;
  }
  index_of_node_[node] = index;
}

TokenTrie::Match TokenTrie::match_at(std::string_view text,
                                     std::size_t begin) const {
  Match best{begin};
  std::uint32_t node = 0;
  for (std::size_t end = begin; end < text.size(); ++end) {
    const auto it = children_.find(edge(node, text[end]));
    if (it == children_.end()) break;
    node = it->second;
    if (index_of_node_[node] != kNone) {
      best.length = end + 1 - begin;
      best.index = index_of_node_[node];
    }
  }
  return best;
}

TokenTrie::Match TokenTrie::find(std::string_view text,
                                 std::size_t from) const {
  for (std::size_t begin = from; begin < text.size(); ++begin) {
    const Match match = match_at(text, begin);
    if (match.length > 0) return match;
  }
  return {};
}

AddedTokens::AddedTokens(const JsonObject& tokenizer, const BpeModel& model) {
  if (!tokenizer.has("added_tokens")) return;
  const Json& list = tokenizer.value()["added_tokens"];
  if (!list.is_array()) tokenizer.fail("added_tokens", "an array");
  std::size_t index = 0;
  for (const Json& entry : list) {
    add(JsonObject(entry, str_cat(tokenizer.origin(), ", added_tokens[",
                                  index++, "]")),
        model);
  }
  for (std::size_t i = 0; i < tokens_.size(); ++i) {
    (tokens_[i].normalized ? normalized_ : raw_).add(tokens_[i].content, i);
  }
}

void AddedTokens::add(const JsonObject& entry, const BpeModel& model) {
  AddedToken token;
  token.content = entry.string("content");
  token.id = static_cast<std::int32_t>(entry.integer("id", 0, kMaxId));
  token.single_word = entry.boolean_or("single_word", false);
  token.lstrip = entry.boolean_or("lstrip", false);
  token.rstrip = entry.boolean_or("rstrip", false);
  token.special = entry.boolean_or("special", false);
  token.normalized = entry.boolean_or("normalized", !token.special);
  const auto fail = [&](ErrorCode code, const std::string& what) {
    throw Error(code, str_cat("[text.added_tokens] expected ", what, " (",
                              entry.origin(), ")"));
  };
  if (token.content.empty()) {
    fail(ErrorCode::kCorrupt, "content that is not empty");
  }
  if (token.content.size() > kMaxContent) {
    fail(ErrorCode::kUnsupported,
         str_cat("content of at most ", kMaxContent, " bytes, got ",
                 token.content.size()));
  }
  if (by_content_.contains(token.content)) {
    fail(ErrorCode::kCorrupt, str_cat("distinct contents, got '",
                                      printable(token.content), "' twice"));
  }
  const std::int32_t free_id = std::max(model.size(), largest_id_ + 1);
  const std::int32_t expected = model.id_of(token.content).value_or(free_id);
  if (token.id != expected) {
    fail(ErrorCode::kCorrupt,
         str_cat("id ", expected, " for '", printable(token.content), "', got ",
                 token.id));
  }
  largest_id_ = std::max(largest_id_, token.id);
  by_content_.emplace(token.content, tokens_.size());
  by_id_.emplace(token.id, tokens_.size());
  tokens_.push_back(std::move(token));
}

const AddedToken* AddedTokens::find(std::string_view content) const {
  const auto it = by_content_.find(std::string(content));
  return it == by_content_.end() ? nullptr : &tokens_[it->second];
}

const AddedToken* AddedTokens::find(std::int32_t id) const {
  const auto it = by_id_.find(id);
  return it == by_id_.end() ? nullptr : &tokens_[it->second];
}

void AddedTokens::split_by(const TokenTrie& trie, std::string_view text,
                           std::vector<TextSpan>& spans) const {
  std::size_t done = 0;  // everything before is in spans
  std::size_t from = 0;
  while (true) {
    const TokenTrie::Match match = trie.find(text, from);
    if (match.length == 0) break;
    const AddedToken& token = tokens_[match.index];
    std::size_t begin = match.begin;
    std::size_t end = begin + match.length;
    from = end;
    if (token.single_word &&
        (ends_with_word(text, begin) || starts_with_word(text, end))) {
      continue;
    }
    if (token.lstrip) begin = std::max(skip_space_left(text, begin), done);
    if (token.rstrip) end = skip_space_right(text, end);
    end = std::max(begin, end);
    if (begin > done) spans.push_back({text.substr(done, begin - done)});
    spans.push_back({text.substr(begin, end - begin), &token});
    done = end;
  }
  if (done < text.size()) spans.push_back({text.substr(done)});
}

std::vector<TextSpan> AddedTokens::split(std::string_view text) const {
  std::vector<TextSpan> first;
  split_by(raw_, text, first);
  std::vector<TextSpan> spans;
  for (const TextSpan& span : first) {
    if (span.token != nullptr) {
      spans.push_back(span);
    } else {
      split_by(normalized_, span.text, spans);
    }
  }
  return spans;
}

}  // namespace csm::text
