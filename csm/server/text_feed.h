#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "csm/server/speech_stream.h"
#include "csm/text/sentences.h"

namespace csm::server {

/// Text that comes bit by bit, as a language model writes it, cut into what is
/// spoken in one go: whole sentences, short ones with their neighbours.
///
/// Threads: one thread at a time.
class TextFeed {
 public:
  /// More text; the pieces that are complete with it.
  ///
  /// text  valid UTF-8
  /// Throws: RequestError for a pause that cannot be read.
  [[nodiscard]] std::vector<Piece> push(std::string_view text);

  /// The rest: nothing more belongs to it. Throws: as push.
  [[nodiscard]] std::vector<Piece> flush();

  void clear() { waiting_.clear(); }

  /// Text that waits for more.
  [[nodiscard]] const std::string& waiting() const { return waiting_; }

 private:
  text::Segmenter segmenter_;
  std::string waiting_;
};

}  // namespace csm::server
