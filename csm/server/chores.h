#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <mutex>
#include <optional>
#include <thread>

#include "csm/server/api_error.h"

namespace csm::server {

/// A thread for work that would hold the server's own up: reading and writing
/// files, decoding the sound that clients bring.
class Chores {
 public:
  using Done = std::function<void(std::optional<ApiError>)>;

  /// post  runs a function on the server's thread
  explicit Chores(std::function<void(std::function<void()>)> post);
  ~Chores() { stop(); }
  Chores(const Chores&) = delete;
  Chores& operator=(const Chores&) = delete;

  /// Runs `work` here and then `done` on the server's thread, with what went
  /// wrong, if anything did.
  ///
  /// Throws: RequestError with status 429 if too much waits. Threads: any.
  void run(std::function<void()> work, Done done);

  /// Waits for the work in progress; drops what has not begun. Not from `work`.
  void stop();

 private:
  struct Chore {
    std::function<void()> work;
    Done done;
  };

  void serve();

  std::function<void(std::function<void()>)> post_;
  std::mutex mutex_;  // guards all below but the thread
  std::condition_variable changed_;
  std::deque<Chore> waiting_;
  bool stopping_ = false;
  std::thread thread_;
};

}  // namespace csm::server
