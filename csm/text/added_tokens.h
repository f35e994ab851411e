#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "csm/base/json.h"
#include "csm/text/bpe.h"

namespace csm::text {

/// One entry of `added_tokens` in a tokenizer.json.
struct AddedToken {
  std::string content;
  std::int32_t id = 0;
  bool single_word = false;  ///< only where no word character touches it
  bool lstrip = false;       ///< swallows white space on its left
  bool rstrip = false;       ///< swallows white space on its right
  bool normalized = false;   ///< looked for behind the others
  bool special = false;      ///< left out by decode
};

/// A stretch of text between added tokens (token is null), or an added token
/// with its white space.
struct TextSpan {
  std::string_view text;
  const AddedToken* token = nullptr;
};

/// Finds a set of texts: leftmost first, of those the longest.
class TokenTrie {
 public:
  /// `index` is what find() gives back for `content` (not empty).
  void add(std::string_view content, std::size_t index);

  struct Match {
    std::size_t begin = 0;
    std::size_t length = 0;  // 0: none
    std::size_t index = 0;
  };
  /// The first match that begins at `from` or behind.
  [[nodiscard]] Match find(std::string_view text, std::size_t from) const;

 private:
  static constexpr std::size_t kNone = static_cast<std::size_t>(-1);

  [[nodiscard]] Match match_at(std::string_view text, std::size_t begin) const;

  // Node 0 is the root; key = node << 8 | byte.
  std::unordered_map<std::uint64_t, std::uint32_t> children_;
  std::vector<std::size_t> index_of_node_ = {kNone};
};

/// The added tokens of a tokenizer, matched in raw text before anything else.
///
/// Exact: as `tokenizers` 0.22.2, flags included
/// (csm/text/tokenizer_golden_test.cpp). Threads: const-safe.
class AddedTokens {
 public:
  /// Reads and checks the array `added_tokens`; it may be absent.
  ///
  /// Throws: Error{kCorrupt} for wrong types, empty or repeated content, and
  /// ids other than `tokenizers` gives (the vocabulary's own, else the next
  /// free one), Error{kUnsupported} for content above 1,024 bytes.
  AddedTokens(const JsonObject& tokenizer, const BpeModel& model);

  /// Cuts `text` into spans, in order, none empty.
  [[nodiscard]] std::vector<TextSpan> split(std::string_view text) const;

  /// The token of that content or id, null if there is none.
  [[nodiscard]] const AddedToken* find(std::string_view content) const;
  [[nodiscard]] const AddedToken* find(std::int32_t id) const;
  /// -1 without tokens.
  [[nodiscard]] std::int32_t largest_id() const { return largest_id_; }

 private:
  void add(const JsonObject& entry, const BpeModel& model);
  void split_by(const TokenTrie& trie, std::string_view text,
                std::vector<TextSpan>& spans) const;

  std::vector<AddedToken> tokens_;
  std::unordered_map<std::string, std::size_t> by_content_;
  std::unordered_map<std::int32_t, std::size_t> by_id_;
  std::int32_t largest_id_ = -1;
  TokenTrie raw_;         // tokens with normalized == false: first pass
  TokenTrie normalized_;  // the others: second pass, between the first
};

}  // namespace csm::text
