#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "csm/server/playback.h"
#include "csm/server/sound_stream.h"
#include "csm/server/speech_stream.h"

namespace csm::server {

/// The sound of a stream on its way to somebody who listens: frames are
/// gathered, leave together in the format that was asked for, and are played
/// at the other end.
///
/// Threads: the server's thread.
class OutgoingSound {
 public:
  explicit OutgoingSound(const engine::ModelFacts& facts) : facts_(facts) {}

  /// Begins a sound file, before its first frame.
  ///
  /// Throws: as SoundStream.
  void begin_file(const OutputFormat& format) {
    sound_.emplace(format, facts_.sample_rate_hz);
  }
  [[nodiscard]] bool has_file() const { return sound_.has_value(); }

  /// Frames that are gathered before the first ones leave.
  void set_first_chunk(int n_frames) { first_chunk_ = n_frames; }

  /// A frame more. True: those that are held should leave.
  [[nodiscard]] bool hold(std::span<const float> samples);

  /// What leaves together.
  struct Chunk {
    std::string bytes;  ///< encoders hold some back
    int n_frames = 0;
    double seconds = 0;
  };
  /// All that is held.
  ///
  /// is_end  of the file
  [[nodiscard]] Chunk take(bool is_end);

  /// A chunk has left the server.
  void on_sent(int n_frames, double seconds, SpeechStream& stream);

  /// Something was taken.
  [[nodiscard]] bool has_begun() const { return has_begun_; }
  [[nodiscard]] const Playback& playback() const { return playback_; }
  /// When the first chunk had left, as now_seconds(); 0 before.
  [[nodiscard]] double first_sound() const { return first_sound_; }

 private:
  engine::ModelFacts facts_;
  std::optional<SoundStream> sound_;
  std::vector<float> held_;
  int n_held_ = 0;
  int first_chunk_ = 1;
  bool has_begun_ = false;
  Playback playback_;
  double first_sound_ = 0;
};

}  // namespace csm::server
