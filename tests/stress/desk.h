#pragma once

#include <condition_variable>
#include <cstddef>
#include <deque>
#include <memory>
#include <mutex>
#include <optional>
#include <vector>

#include "csm/engine/engine_testing.h"
#include "csm/engine/session.h"

namespace csm::stress {

/// One session as its client sees it. Threads: any.
class Ticket {
 public:
  explicit Ticket(std::size_t request) : request_(request) {}

  [[nodiscard]] std::size_t request() const { return request_; }

  // The client.

  /// Waits for so many frames, or the end.
  void wait_for_frames(std::size_t n);
  /// Cancels the session, now or as soon as it starts.
  void cancel();
  /// Asks the engine to destroy the session where it is.
  void drop();
  /// Waits for the end.
  void wait_for_end();
  /// After the end; nothing if the session was dropped.
  [[nodiscard]] std::optional<engine::StopReason> reason() const;
  [[nodiscard]] const engine::testing_engine::Speech& speech() const {
    return speech_;
  }
  [[nodiscard]] bool failed() const { return failed_; }

  // The engine's thread.

  void begin(engine::Session session);
  [[nodiscard]] engine::Session* session() { return &*session_; }
  [[nodiscard]] bool is_dropped();
  void take(const engine::Frame& frame);
  /// Destroys the session.
  void end(bool failed);

 private:
  const std::size_t request_;
  mutable std::mutex mutex_;  // all below, but for what session() points to
  std::condition_variable changed_;
  std::optional<engine::Session> session_;
  bool cancelled_ = false;  // before it had a session
  bool dropped_ = false;
  bool ended_ = false;
  bool failed_ = false;
  std::size_t n_frames_ = 0;
  std::optional<engine::StopReason> reason_;
  engine::testing_engine::Speech speech_;
};

/// Where clients hand their requests in. Threads: any.
class Desk {
 public:
  void submit(std::shared_ptr<Ticket> ticket);
  /// All that wait; waits for one while `idle`, unless closed.
  [[nodiscard]] std::vector<std::shared_ptr<Ticket>> collect(bool idle);
  void open(int n_clients);
  /// A client goes home.
  void leave();
  /// Whether all clients have gone home.
  [[nodiscard]] bool deserted() const;

 private:
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::deque<std::shared_ptr<Ticket>> waiting_;
  int n_clients_ = 0;
};

}  // namespace csm::stress
