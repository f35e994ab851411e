#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "csm/engine/engine.h"
#include "csm/server/heard_voices.h"
#include "csm/server/inbox.h"
#include "csm/server/playback.h"
#include "csm/server/schedule.h"
#include "csm/server/sound_encoding.h"
#include "csm/server/speech_stream.h"
#include "csm/server/talk.h"

namespace csm::server {

/// The engine's side of a stream: what it says now, and what that came to.
///
/// Threads: engine thread only.
class LaneState {
 public:
  LaneState(Inbox& inbox, HeardVoices& voices, Inbox::Stream stream);

  /// Gets as far as can be without a step: encodes n_frames of what is heard
  /// first, begins the next piece, ends the stream. Whatever fails ends this
  /// stream alone, and its listener is told.
  ///
  /// returns  whether it can get further at once, if asked again
  [[nodiscard]] bool prepare(engine::Engine& engine, int n_frames);

  /// What the next step can do for it; null if nothing.
  [[nodiscard]] engine::Session* session() {
    return session_ ? &*session_ : nullptr;
  }
  /// For the scheduler; it has a session.
  [[nodiscard]] Lane lane(double now) const;

  /// What a step has made of it.
  void take(engine::Engine& engine, engine::StepResult result, double now);

  /// Ends the stream; its listener is told why.
  void fail(const Error& error);

  [[nodiscard]] bool has_ended() const { return has_ended_; }
  /// Of a conversation of several streams; null if it has none.
  [[nodiscard]] std::shared_ptr<Talk> shared_talk() const {
    return stream_->settings.talk;
  }
  [[nodiscard]] bool plays() const { return stream_->settings.plays; }
  /// Whether it has made no sound yet.
  [[nodiscard]] bool is_silent() const { return n_samples_ == 0; }
  /// About how much sound is still to come.
  [[nodiscard]] double seconds_left() const;

 private:
  [[nodiscard]] bool is_listening() const;
  void listen(engine::Engine& engine, int n_frames);
  void begin_piece(engine::Engine& engine, Piece piece);
  void end_piece(engine::Engine& engine);
  void tell(StreamEvent event, bool is_awaited = true);
  void tell_frame(FrameSpoken frame, double now);
  void tell_silence(int ms, double now);
  void end(StreamEnded how);
  [[nodiscard]] double piece_seconds() const;

  Inbox& inbox_;
  HeardVoices& voices_;
  Inbox::Stream stream_;
  std::shared_ptr<Talk> talk_;
  bool has_begun_ = false;
  bool has_ended_ = false;
  std::optional<SoundEncoding> encoding_;
  std::size_t n_heard_ = 0;  // of settings.context
  std::optional<engine::Session> session_;
  Piece piece_;
  int n_pieces_ = 0;
  std::vector<std::int32_t> codes_;  // of the piece
  Playback playback_;
  std::int64_t start_ms_ = 0;  // of the piece in the sound
  std::int64_t n_samples_ = 0;
  engine::ModelFacts facts_;
  bool has_room_ = true;
  double waiting_ms_ = 0;  // of text in pieces that have not begun
};

}  // namespace csm::server
