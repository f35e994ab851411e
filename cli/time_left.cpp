#include "cli/time_left.h"

#include <algorithm>
#include <cmath>

#include "cli/console.h"
#include "csm/base/str_cat.h"
#include "csm/text/chunks.h"

namespace csm::cli {
namespace {

constexpr int kBarWidth = 20;

std::string bar(double done) {
  const auto filled = static_cast<std::size_t>(std::lround(done * kBarWidth));
  return str_cat("[", std::string(filled, '#'),
                 std::string(kBarWidth - filled, '.'), "]");
}

std::string minutes(double seconds) {
  const auto whole = std::lround(seconds);
  return str_cat(whole / 60, ":", whole % 60 < 10 ? "0" : "", whole % 60);
}

}  // namespace

TimeLeft::TimeLeft(const ReadingPlan& plan)
    : unit_(plan.is_conversation ? "turn" : "chunk"),
      start_(std::chrono::steady_clock::now()) {
  double end = 0;
  for (const Piece& piece : plan.pieces) {
    if (piece.recording.empty()) {
      end += text::estimate_speech_ms(piece.utterance.text) / 1000;
    }
    ends_.push_back(end);
  }
}

std::string TimeLeft::words(std::size_t index, double seconds) const {
  const double begin = index == 0 ? 0 : ends_[index - 1];
  const double total = ends_.back();
  const double at = std::min(begin + seconds, ends_[index]);
  const double done = total > 0 ? at / total : 1;
  const double left = at > 0 ? seconds_since(start_) / at * (total - at) : 0;
  return str_cat(bar(done), " ", unit_, " ", index + 1, " of ", ends_.size(),
                 ", ", fixed(seconds, 1), " s of it, ", minutes(left), " left");
}

}  // namespace csm::cli
