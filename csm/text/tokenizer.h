#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "csm/base/json.h"

namespace csm::text {

/// A byte-level BPE tokenizer read from a Hugging Face tokenizer.json of the
/// Llama-3 form: added tokens, no normalizer, pre-tokenizer Split(s) and
/// ByteLevel, model BPE, post-processor templates, decoder ByteLevel.
///
/// Cheap to copy (shares its tables). Threads: const-safe.
/// Source: spec/weights.md 6.
class Tokenizer {
 public:
  /// Loads `tokenizer.json`.
  ///
  /// Throws: Error{kNotFound}, Error{kCorrupt} for a malformed or inconsistent
  /// file, Error{kUnsupported} naming a field or construct outside the form
  /// above: a tokenizer that would give other ids is never loaded.
  static Tokenizer load(const std::filesystem::path& path);

  /// The same from the file's JSON.
  static Tokenizer parse(const JsonObject& json);

  /// Token ids of a text. Text equal to an added token becomes that token.
  ///
  /// add_special: apply the post-processor's template (BOS text EOS in CSM).
  ///
  /// Throws: Error{kInvalidArgument} if `utf8` is not UTF-8 (with the byte
  /// offset) or longer than 1 GiB, Error{kUnsupported} if the regex exceeds
  /// its limits.
  /// Exact: ids equal to PyPI `tokenizers` 0.22.2
  /// (csm/text/tokenizer_golden_test.cpp).
  [[nodiscard]] std::vector<std::int32_t> encode(std::string_view utf8,
                                                 bool add_special) const;

  /// Text of some ids; bytes that form no UTF-8 become U+FFFD.
  ///
  /// skip_special: leave out added tokens that are marked special.
  ///
  /// Throws: Error{kInvalidArgument} for an id without an entry.
  /// Exact: as `tokenizers` 0.22.2 (csm/text/tokenizer_golden_test.cpp).
  [[nodiscard]] std::string decode(std::span<const std::int32_t> ids,
                                   bool skip_special = false) const;

  /// One above the largest id, the rows that a text embedding must have.
  [[nodiscard]] int vocab_size() const;

  /// Id of an added token or vocabulary entry as written in the file.
  [[nodiscard]] std::optional<std::int32_t> token_id(
      std::string_view token) const;

 private:
  class Parts;
  explicit Tokenizer(std::shared_ptr<const Parts> parts);

  std::shared_ptr<const Parts> parts_;
};

}  // namespace csm::text
