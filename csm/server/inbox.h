#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "csm/engine/engine.h"
#include "csm/server/admission.h"
#include "csm/server/speech_stream.h"
#include "csm/server/step_clock.h"
#include "csm/server/talk.h"

namespace csm::server {

/// A stream as the engine's thread and its client share it.
struct SpeechStream::Shared {
  StreamSettings settings;                    // the engine's
  std::function<void(StreamEvent)> listener;  // called through Inbox::post
  // Guarded by Inbox::mutex:
  std::deque<Piece> pieces;
  double waiting_ms = 0;  // that they will take, about
  bool closed = false;
  bool cancelled = false;
  std::optional<std::int64_t> played_ms = {};  // when it was cancelled
  int n_waiting = 0;  // frames that were told and have not left
};

/// Where the engine's thread and all others meet.
///
/// Threads: any; all members but post and told are guarded by the mutex.
class Inbox {
 public:
  using Stream = std::shared_ptr<SpeechStream::Shared>;
  using Job = std::function<void(engine::Engine&)>;

  /// Runs a function on the thread that listeners belong to.
  std::function<void(std::function<void()>)> post;
  /// What listeners are to be told at the next deliver(). The engine's thread
  /// only.
  std::vector<std::function<void()>> told;
  /// Whether somebody waits for some of it. The engine's thread only.
  bool is_awaited = false;

  std::mutex mutex;
  std::condition_variable changed;
  bool news = false;  // something below has changed
  bool stopping = false;
  std::vector<Stream> streams;  // that the engine has not seen yet
  std::deque<Job> jobs;
  std::vector<std::unique_ptr<Talk>> gone;  // that nobody holds any more
  Load load;
  StepClock clock;

  /// One trip to the other thread for all that a step has made. The engine's
  /// thread only.
  void deliver() {
    is_awaited = false;
    if (told.empty()) return;
    post([all = std::exchange(told, {})] {
      for (const auto& tell : all) tell();
    });
  }

  void wake() {
    news = true;
    changed.notify_one();
  }
};

}  // namespace csm::server
