#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <iterator>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/engine/generation_options.h"

namespace csm::engine {

/// Why a session ended.
enum class StopReason {
  kEos,        ///< the model ended the speech by itself
  kLength,     ///< max_audio_ms or the model's context was reached
  kCancelled,  ///< the caller asked
  kFailed,     ///< an error, which the step that met it reported
};

/// "eos", "length", "cancelled" or "failed".
[[nodiscard]] const char* to_string(StopReason reason);

/// What to speak.
struct Utterance {
  int speaker = 0;   ///< 0 or more; names a voice that the model knows
  std::string text;  ///< valid UTF-8, not empty
};

/// Something that was said: the model hears it before it speaks.
struct Segment {
  Utterance utterance;
  std::vector<std::int32_t> codes;  ///< [n_frames, K], without an end frame
};

/// 80 ms of speech.
struct Frame {
  std::vector<std::int32_t> codes;  ///< [K]
  std::vector<float> audio;         ///< [1920] mono at 24 kHz, not clipped
};

/// What a step gave one session. Neither: the speech has ended, see
/// Session::stop_reason.
struct StepResult {
  std::optional<Frame> frame;
  std::optional<Error> error;  ///< the session has failed
};

/// Seconds that a session spent in each stage. A step with other sessions
/// counts as a whole.
struct StageTimes {
  double prefill = 0;      ///< prompt, with the first frame
  double frames = 0;       ///< all frames after the first
  double first_audio = 0;  ///< from start to the first frame's samples
};

/// Seconds of one step, of all its sessions together, by stage: the time of the
/// stage's kernels, all zero unless EngineOptions::timed. What is left of
/// `total` went into small operations, waking threads and the building of the
/// graph.
struct FrameTimes {
  double total = 0;
  double backbone = 0;  ///< of a prompt: all of its positions
  double depth = 0;
  double sampler = 0;  ///< random numbers included
  double codec = 0;

  [[nodiscard]] double rest() const {
    return total - backbone - depth - sampler - codec;
  }
};

class Engine;
class FrameIterator;
class SessionState;

/// One utterance being spoken, frame by frame.
///
/// Made by Engine::start; must not outlive its engine.
/// Threads: engine thread only, but for cancel().
class Session {
 public:
  Session(Session&&) noexcept;
  Session& operator=(Session&&) noexcept;
  ~Session();

  /// The next frame, or nothing when the speech has ended: Engine::step of
  /// this session alone.
  ///
  /// Throws: Error{kBackend} naming the frame if the computation fails.
  [[nodiscard]] std::optional<Frame> next();

  /// The frames that are left, each computed when the loop asks for it:
  ///
  ///     for (const csm::Frame& frame : session) { ... }
  ///
  /// Throws: as next(), from begin() and from ++.
  [[nodiscard]] FrameIterator begin();
  [[nodiscard]] static std::default_sentinel_t end() { return {}; }

  /// Speaks to the end and hands every frame on as soon as it is there.
  ///
  /// on_frame  returns false to cancel
  /// Throws: as next(), and whatever on_frame does.
  StopReason run(const std::function<bool(const Frame&)>& on_frame);

  /// Ends the session before its next frame.
  ///
  /// Threads: any, while the session is neither moved nor destroyed.
  void cancel();

  /// Set once next() has returned nothing or thrown.
  [[nodiscard]] std::optional<StopReason> stop_reason() const;
  [[nodiscard]] const StageTimes& times() const;
  /// Of the step that computed the latest frame.
  [[nodiscard]] const FrameTimes& frame_times() const;
  [[nodiscard]] int n_frames() const;
  [[nodiscard]] int max_frames() const;
  [[nodiscard]] int prompt_positions() const;
  /// The first of them that need not be read, as the model knows them from a
  /// voice or an earlier session.
  [[nodiscard]] int known_positions() const;
  /// Codes drawn so far that the codec cannot decode (codec safety `torch`
  /// and `legacy-range` only). They sound as if the codebook were silent.
  [[nodiscard]] std::int64_t n_invalid_codes() const;
  /// Codes for which the codec-safety rule chose another than PyTorch would
  /// have, the frame that ended the speech included; not those of frames that
  /// were spoken before (Engine::start).
  [[nodiscard]] std::int64_t n_changed_codes() const;

 private:
  friend class Engine;
  explicit Session(std::unique_ptr<SessionState> state);

  std::unique_ptr<SessionState> state_;
};

/// An input iterator over the frames of a session, which must outlive it and
/// stay where it is.
class FrameIterator {
 public:
  using value_type = Frame;
  using difference_type = std::ptrdiff_t;

  explicit FrameIterator(Session& session)
      : session_(&session), frame_(session.next()) {}

  [[nodiscard]] const Frame& operator*() const { return *frame_; }
  [[nodiscard]] const Frame* operator->() const { return &*frame_; }
  FrameIterator& operator++() {
    frame_ = session_->next();
    return *this;
  }
  void operator++(int) { ++*this; }
  [[nodiscard]] bool operator==(std::default_sentinel_t) const {
    return !frame_;
  }

 private:
  Session* session_;
  std::optional<Frame> frame_;
};

inline FrameIterator Session::begin() { return FrameIterator(*this); }

}  // namespace csm::engine
