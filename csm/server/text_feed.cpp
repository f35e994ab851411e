#include "csm/server/text_feed.h"

#include <utility>

#include "csm/server/app.h"
#include "csm/text/chunks.h"

namespace csm::server {
namespace {

// Shorter sentences go with the next one.
constexpr double kShortMs = 1500;
constexpr std::string_view kSpace = " \t\r\n";

bool is_blank(std::string_view text) {
  return text.find_first_not_of(kSpace) == std::string_view::npos;
}

std::vector<Piece> pieces_of(const std::string& text) {
  if (is_blank(text)) return {};
  StreamSettings ignored;
  std::vector<Piece> pieces = plan_pieces(text, ignored);
  // White space between sentences is not spoken.
  for (Piece& piece : pieces) {
    const std::size_t first = piece.text.find_first_not_of(kSpace);
    piece.text = piece.text.substr(
        first, piece.text.find_last_not_of(kSpace) - first + 1);
  }
  return pieces;
}

}  // namespace

std::vector<Piece> TextFeed::push(std::string_view text) {
  waiting_ += text;
  std::size_t n_complete = 0;
  std::size_t at = 0;
  const auto sentences = segmenter_.split(waiting_, text::Border::kSentence);
  for (std::size_t i = 0; i + 1 < sentences.size(); ++i) {
    at += sentences[i].size();
    const std::string_view so_far(waiting_.data() + n_complete,
                                  at - n_complete);
    if (text::estimate_speech_ms(so_far) >= kShortMs) n_complete = at;
  }
  // A sentence without end is cut between words.
  const std::string_view rest = std::string_view(waiting_).substr(n_complete);
  if (text::estimate_speech_ms(rest) > 2 * kMaxChunkMs) {
    const std::size_t space = waiting_.find_last_of(kSpace);
    if (space != std::string::npos && space > n_complete) n_complete = space;
  }
  const std::string complete = waiting_.substr(0, n_complete);
  waiting_.erase(0, n_complete);
  return pieces_of(complete);
}

std::vector<Piece> TextFeed::flush() {
  return pieces_of(std::exchange(waiting_, {}));
}

}  // namespace csm::server
