#include "csm/text/chunks.h"

#include <unicode/uchar.h>

#include <algorithm>
#include <cstddef>
#include <optional>
#include <utility>

#include "csm/base/error.h"
#include "csm/text/pauses.h"
#include "csm/text/sentences.h"
#include "csm/text/unicode.h"
#include "csm/text/white_space.h"

namespace csm::text {
namespace {

constexpr double kCharacterMs = 65;
constexpr double kWideMs = 200;
constexpr double kDigitMs = 300;
constexpr double kShortMs = 1500;

// Paragraphs: what empty lines separate, every run of white space in them one
// space.
std::vector<std::string> paragraphs(std::string_view text) {
  std::vector<std::string> found(1);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t white = text.find_first_of(kWhiteSpace, at);
    found.back() += text.substr(at, white - at);
    if (white == std::string_view::npos) break;
    at = std::min(text.find_first_not_of(kWhiteSpace, white), text.size());
    const std::string_view run = text.substr(white, at - white);
    const std::size_t line_end = run.find('\n');
    if (line_end != run.rfind('\n')) {
      found.emplace_back();
    } else {
      found.back() += ' ';
    }
  }
  return found;
}

// Cuts a text into pieces of at most so many estimated milliseconds.
class Cutter {
 public:
  explicit Cutter(int max_ms) : max_ms_(max_ms) {}

  /// Appends the chunks of a paragraph.
  void cut_paragraph(std::string_view text, std::vector<std::string>& out) {
    std::vector<std::string_view> pieces;
    for (const auto sentence : segmenter_.split(text, Border::kSentence)) {
      if (fits(sentence)) {
        pieces.push_back(sentence);
      } else {
        cut(sentence, Border::kClause, pieces);
      }
    }
    for (const auto piece : join_short(pieces)) {
      const std::string_view words = trim(piece);
      if (!words.empty()) out.emplace_back(words);
    }
  }

 private:
  [[nodiscard]] bool fits(std::string_view text) const {
    return estimate_speech_ms(text) <= max_ms_;
  }

  // Neighbours lie side by side in one string.
  static std::string_view join(std::string_view a, std::string_view b) {
    return {a.data(), a.size() + b.size()};
  }

  // As much as fits goes into one piece; what does not fit by itself is cut at
  // the next worse kind of border.
  void cut(std::string_view text, Border border,
           std::vector<std::string_view>& out) {
    std::optional<std::string_view> open;
    for (const auto piece : segmenter_.split(text, border)) {
      if (open && fits(join(*open, piece))) {
        open = join(*open, piece);
        continue;
      }
      if (open) out.push_back(*open);
      open.reset();
      if (fits(piece) || border == Border::kCharacter) {
        open = piece;
      } else {
        cut(piece,
            border == Border::kClause ? Border::kLine : Border::kCharacter,
            out);
      }
    }
    if (open) out.push_back(*open);
  }

  [[nodiscard]] std::vector<std::string_view> join_short(
      const std::vector<std::string_view>& pieces) const {
    std::vector<std::string_view> joined;
    for (const auto piece : pieces) {
      const bool is_short =
          !joined.empty() && (estimate_speech_ms(joined.back()) < kShortMs ||
                              estimate_speech_ms(piece) < kShortMs);
      if (is_short && fits(join(joined.back(), piece))) {
        joined.back() = join(joined.back(), piece);
      } else {
        joined.push_back(piece);
      }
    }
    return joined;
  }

  double max_ms_;
  Segmenter segmenter_;
};

std::vector<std::string> chunks_of(std::string_view text, int max_chunk_ms) {
  const std::string_view words = trim(text);
  if (words.empty()) return {};
  if (max_chunk_ms == 0 || estimate_speech_ms(words) <= max_chunk_ms) {
    return {std::string(words)};
  }
  Cutter cutter(max_chunk_ms);
  std::vector<std::string> chunks;
  for (const std::string& paragraph : paragraphs(words)) {
    cutter.cut_paragraph(paragraph, chunks);
  }
  return chunks;
}

}  // namespace

double estimate_speech_ms(std::string_view text) {
  double ms = 0;
  while (!text.empty()) {
    const auto c = static_cast<UChar32>(first_code_point(text));
    const int width = u_getIntPropertyValue(c, UCHAR_EAST_ASIAN_WIDTH);
    if (u_isdigit(c) != 0) {
      ms += kDigitMs;
    } else {
      ms += width == U_EA_WIDE ? kWideMs : kCharacterMs;
    }
    text.remove_prefix(utf8_sequence_length(text));
  }
  return ms;
}

Reading plan_reading(std::string_view text, int max_chunk_ms) {
  check_utf8(text, "text");
  const std::vector<Passage> passages = split_pauses(text);
  const bool fits =
      max_chunk_ms == 0 || estimate_speech_ms(text) <= max_chunk_ms;
  if (passages.size() == 1 && fits) {
    return {.chunks = {{.pause_ms = 0, .text = std::string(text)}}};
  }
  Reading reading;
  for (const Passage& passage : passages) {
    reading.final_pause_ms += passage.pause_ms;
    for (std::string& chunk : chunks_of(passage.text, max_chunk_ms)) {
      reading.chunks.push_back(
          {.pause_ms = std::exchange(reading.final_pause_ms, 0),
           .text = std::move(chunk)});
    }
  }
  if (reading.chunks.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "[text.chunks] expected some text, got only pauses and white "
                "space (text)");
  }
  return reading;
}

}  // namespace csm::text
