#pragma once

#include <functional>
#include <memory>
#include <thread>
#include <vector>

#include "csm/engine/engine.h"
#include "csm/server/admission.h"
#include "csm/server/inbox.h"
#include "csm/server/schedule.h"
#include "csm/server/speech_stream.h"
#include "csm/server/talk.h"

namespace csm::server {

/// Who counts what the engine does. Threads: the engine's.
class EngineObserver {
 public:
  EngineObserver() = default;
  virtual ~EngineObserver() = default;
  EngineObserver(const EngineObserver&) = delete;
  EngineObserver& operator=(const EngineObserver&) = delete;

  /// A step of so many streams; n_positions of prompts were read in it.
  virtual void on_step(int n_rows, int n_positions, double seconds) = 0;
  /// How many streams there are now, and how many of them wait for their first
  /// frame.
  virtual void on_streams(int n_streams, int n_silent) = 0;
};

/// One engine on a thread of its own, and all streams that it speaks for.
///
/// Streams join and leave at frame borders; one step speaks one frame of all
/// that choose_lanes() chooses. What a stream says does not depend on others,
/// bit by bit (tests/server/equality_test.py).
class SpeechEngine {
 public:
  struct Options {
    engine::EngineOptions model;
    AdmissionRules admission;
    ScheduleRules schedule;
  };

  /// Loads the model and measures its steps, on the engine's thread; returns
  /// when it is ready.
  ///
  /// post      runs a function on the thread that listeners belong to; any
  ///           thread may call it, also while this object is destroyed
  /// observer  null: none; must outlive this object
  /// Throws: as engine::Engine.
  SpeechEngine(const Options& options,
               std::function<void(std::function<void()>)> post,
               EngineObserver* observer);
  ~SpeechEngine() { stop(); }
  SpeechEngine(const SpeechEngine&) = delete;
  SpeechEngine& operator=(const SpeechEngine&) = delete;

  [[nodiscard]] const engine::ModelFacts& facts() const { return facts_; }

  /// Begins a stream, which speaks what SpeechStream::say gets, until close().
  ///
  /// listener  is called on the thread of `post`
  /// Throws: RequestError with status 429 if there is no room for it.
  /// Threads: any.
  [[nodiscard]] std::unique_ptr<SpeechStream> open(
      StreamSettings settings, std::function<void(StreamEvent)> listener);

  /// What a conversation of several streams has heard. Threads: any.
  [[nodiscard]] std::shared_ptr<Talk> begin_talk() const;

  /// Seconds until there may be room for a stream, if there is none now.
  /// Threads: any.
  [[nodiscard]] std::optional<int> refusal(bool plays) const;

  /// Throws: RequestError with status 429, as open(), if there is no room for a
  /// stream now. Threads: any.
  void require_room(bool plays) const;

  /// Frames of sound that a stream which begins now should gather first.
  /// Threads: any.
  [[nodiscard]] int first_chunk() const;

  /// How many streams there are. Threads: any.
  [[nodiscard]] int n_streams() const;

  /// Runs a job on the engine's thread between two steps; it must be short.
  ///
  /// Throws: RequestError with status 429 if too many wait. Threads: any.
  void run(Inbox::Job job);

  /// Ends all streams and waits for the step in progress. Not from a job.
  void stop();

 private:
  std::shared_ptr<Inbox> inbox_;
  AdmissionRules admission_;
  engine::ModelFacts facts_;
  std::thread thread_;
};

}  // namespace csm::server
