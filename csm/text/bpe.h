#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "csm/base/json.h"
#include "csm/text/byte_level.h"

namespace csm::text {

/// The BPE model of a byte-level tokenizer.json: vocabulary and merges.
///
/// Works on raw bytes: vocabulary entries are translated from the byte alphabet
/// once, at load. Threads: const-safe.
class BpeModel {
 public:
  /// Reads and checks the object `model` of a tokenizer.json.
  ///
  /// Throws: Error{kUnsupported} naming a field that a Llama-3 form tokenizer
  /// does not use, Error{kCorrupt} for wrong types, ids used twice or above
  /// 16,777,215, missing byte entries, and merges of or into unknown entries.
  explicit BpeModel(const JsonObject& model);

  /// Appends the ids of one piece (as the pre-tokenizer cut it) to `ids`.
  ///
  /// O(n log n) in the length of the piece, which must be below 2^31 bytes.
  /// Exact: equal to `tokenizers` 0.22.2 (csm/text/tokenizer_golden_test.cpp).
  void encode(std::string_view piece, std::vector<std::int32_t>& ids) const;

  /// Number of vocabulary entries.
  [[nodiscard]] std::int32_t size() const { return size_; }
  /// The entry as written in the file; nothing for an unused id.
  [[nodiscard]] const std::string* entry(std::int32_t id) const;
  [[nodiscard]] std::optional<std::int32_t> id_of(std::string_view entry) const;
  [[nodiscard]] std::int32_t largest_id() const {
    return static_cast<std::int32_t>(entries_.size()) - 1;
  }
  [[nodiscard]] const ByteAlphabet& alphabet() const { return alphabet_; }

 private:
  struct Hash {
    using is_transparent = void;
    std::size_t operator()(std::string_view text) const {
      return std::hash<std::string_view>{}(text);
    }
  };
  using IdByText =
      std::unordered_map<std::string, std::int32_t, Hash, std::equal_to<>>;
  struct Merge {
    std::uint32_t rank;
    std::int32_t id;  // of the merged entry
  };

  void read_options(const JsonObject& model);
  void read_vocabulary(const JsonObject& model);
  void check_bytes(const JsonObject& model);
  void read_merges(const JsonObject& model);
  void add_merge(const std::string& left, const std::string& right,
                 std::uint32_t rank, const std::string& origin);
  [[nodiscard]] const Merge* merge_of(std::int32_t left,
                                      std::int32_t right) const;
  void merge_bytes(std::string_view piece,
                   std::vector<std::int32_t>& ids) const;

  ByteAlphabet alphabet_;
  bool ignore_merges_ = false;
  std::int32_t size_ = 0;
  std::vector<std::string> entries_;  // by id; empty: unused
  IdByText by_bytes_;                 // entries within the byte alphabet
  IdByText others_;                   // entries outside it, as written
  std::unordered_map<std::uint64_t, Merge> merges_;  // left << 32 | right
};

}  // namespace csm::text
