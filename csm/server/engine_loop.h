#pragma once

#include <chrono>
#include <deque>
#include <memory>
#include <vector>

#include "csm/engine/engine.h"
#include "csm/server/heard_voices.h"
#include "csm/server/inbox.h"
#include "csm/server/lane_state.h"
#include "csm/server/speech_engine.h"

namespace csm::server {

/// What the engine's thread does. Threads: engine thread only.
class EngineLoop {
 public:
  /// observer  may be null
  EngineLoop(engine::Engine& engine, Inbox& inbox, const ScheduleRules& rules,
             EngineObserver* observer);

  /// Takes the time of some steps of several sizes, so that the first clients
  /// are judged by measurements. Throws: as Engine::step.
  void measure();

  /// Speaks until the inbox is stopping.
  void run();

 private:
  [[nodiscard]] bool wait();
  void prepare();
  void step();
  void step_lanes(const std::vector<std::size_t>& chosen);
  void drop_ended();
  void keep_talk(const std::shared_ptr<Talk>& talk);
  void publish();
  void deliver(bool at_once);
  [[nodiscard]] double now() const;

  engine::Engine& engine_;
  Inbox& inbox_;
  ScheduleRules rules_;
  EngineObserver* observer_;
  std::chrono::steady_clock::time_point start_;
  HeardVoices voices_;
  StepClock clock_;
  std::vector<std::unique_ptr<LaneState>> lanes_;
  // Conversations that keep what the model has read, the latest last.
  std::deque<std::weak_ptr<Talk>> talks_;
  double delivered_ = 0;  // when listeners were told last
  bool idle_ = true;      // nothing could be done
};

}  // namespace csm::server
