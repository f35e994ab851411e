#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "csm/base/json.h"
#include "csm/text/pattern.h"

namespace csm::text {

/// Cuts a text into the pieces that BPE works on: Split steps, then ByteLevel.
/// Threads: const-safe.
class PreTokenizer {
 public:
  /// Reads the field `pre_tokenizer` of a tokenizer.json: ByteLevel, or a
  /// Sequence of Split (behavior Isolated, not inverted) that ends in it.
  ///
  /// Throws: Error{kUnsupported} naming the field, Error{kCorrupt}.
  explicit PreTokenizer(const JsonObject& tokenizer);

  /// The pieces of a stretch without added tokens, in order. They view into
  /// `text` or, if ByteLevel puts a space in front, into `storage`.
  [[nodiscard]] std::vector<std::string_view> split(
      std::string_view text, std::vector<std::string>& storage) const;

 private:
  void add_split(const JsonObject& step);
  void add_byte_level(const JsonObject& step);

  std::vector<Pattern> splits_;
  bool add_prefix_space_ = false;
  std::vector<Pattern> byte_level_splits_;  // GPT-2's regex if use_regex
};

}  // namespace csm::text
