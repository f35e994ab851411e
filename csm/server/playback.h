#pragma once

#include <algorithm>
#include <optional>

namespace csm::server {

/// The ear at the other end: it begins to play with the first sound that it
/// gets, and goes on as long as there is some.
///
/// Times are seconds of any steady clock. Threads: one thread at a time.
class Playback {
 public:
  /// Sound of so many seconds has come.
  void add(double now, double seconds) {
    if (!start_) start_ = now;
    // Late: the ear has waited since it ran dry, and waits no more.
    const double dry = now - *start_ - sound_;
    if (dry > 0) {
      underrun_ += dry;
      longest_ = std::max(longest_, dry);
      *start_ += dry;
    }
    sound_ += seconds;
  }

  [[nodiscard]] bool has_begun() const { return start_.has_value(); }

  /// Seconds that are there and not played yet; below 0: for so long nothing
  /// has been there.
  [[nodiscard]] double lead(double now) const {
    return start_ ? sound_ - (now - *start_) : 0;
  }

  /// Frames of sound to gather before they leave together: each alone while
  /// little is in hand, at most a quarter of what is in hand afterwards, as
  /// fewer and larger messages cost both ends less.
  [[nodiscard]] int frames_to_gather(double now, double frame_seconds) const {
    constexpr int kMost = 8;
    const double frames = lead(now) / (4 * frame_seconds);
    return static_cast<int>(std::clamp(frames, 1.0, 1.0 * kMost));
  }

  /// Seconds of silence within the sound: all, and the longest.
  [[nodiscard]] double underrun_seconds() const { return underrun_; }
  [[nodiscard]] double longest_underrun() const { return longest_; }
  [[nodiscard]] double sound_seconds() const { return sound_; }

 private:
  std::optional<double> start_;
  double sound_ = 0;
  double underrun_ = 0;
  double longest_ = 0;
};

}  // namespace csm::server
