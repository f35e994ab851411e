#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "csm/base/json.h"

namespace csm::text {

/// Wraps the ids of a text into a template's special tokens.
/// Threads: const-safe.
class PostProcessor {
 public:
  /// Reads the field `post_processor` of a tokenizer.json: absent, ByteLevel
  /// (which changes no ids), TemplateProcessing, or a Sequence of those.
  ///
  /// n_ids: ids in a template must be below it.
  ///
  /// Throws: Error{kUnsupported} naming the field, Error{kCorrupt}.
  PostProcessor(const JsonObject& tokenizer, std::int32_t n_ids);

  /// add_special: with the template's special tokens.
  [[nodiscard]] std::vector<std::int32_t> apply(std::vector<std::int32_t> ids,
                                                bool add_special) const;

 private:
  // Special ids, or (is_text) the place of the text.
  struct Piece {
    bool is_text = false;
    std::vector<std::int32_t> ids;
  };
  using Template = std::vector<Piece>;

  void add_step(const JsonObject& step, bool nested);
  void add_template(const JsonObject& step);
  [[nodiscard]] Piece read_piece(const JsonObject& step,
                                 const JsonObject& piece) const;

  std::int32_t n_ids_;
  std::vector<Template> templates_;  // applied one after the other
};

}  // namespace csm::text
