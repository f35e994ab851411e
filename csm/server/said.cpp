#include "csm/server/said.h"

#include <algorithm>
#include <string>
#include <string_view>
#include <utility>

namespace csm::server {
namespace {

constexpr std::string_view kSpace = " \t\r\n";

// Where each word ends.
std::vector<std::size_t> word_ends(std::string_view text) {
  std::vector<std::size_t> ends;
  std::size_t at = 0;
  while ((at = text.find_first_not_of(kSpace, at)) != std::string_view::npos) {
    at = std::min(text.find_first_of(kSpace, at), text.size());
    ends.push_back(at);
  }
  return ends;
}

std::string first_words(const std::string& text, double share) {
  const std::vector<std::size_t> ends = word_ends(text);
  if (ends.empty()) return text;
  const auto n_words =
      static_cast<std::size_t>(share * static_cast<double>(ends.size()) + 0.5);
  return text.substr(
      0, ends[std::clamp<std::size_t>(n_words, 1, ends.size()) - 1]);
}

}  // namespace

std::vector<Said> heard_of(std::vector<Said> said, std::int64_t played_ms,
                           int n_codebooks, int frame_ms) {
  std::vector<Said> heard;
  for (Said& part : said) {
    engine::Segment& segment = part.segment;
    const auto n_frames =
        static_cast<std::int64_t>(segment.codes.size()) / n_codebooks;
    const std::int64_t n_played = std::clamp(
        (played_ms - part.start_ms) / frame_ms, std::int64_t{0}, n_frames);
    if (played_ms <= part.start_ms || n_played == 0) break;
    if (n_played < n_frames) {
      segment.codes.resize(static_cast<std::size_t>(n_played * n_codebooks));
      segment.utterance.text = first_words(
          segment.utterance.text,
          static_cast<double>(n_played) / static_cast<double>(n_frames));
    }
    heard.push_back(std::move(part));
  }
  return heard;
}

}  // namespace csm::server
