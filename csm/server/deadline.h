#pragma once

#include <boost/asio/steady_timer.hpp>
#include <chrono>
#include <functional>
#include <memory>
#include <utility>

namespace csm::server {

/// Calls a function unless it is told in time not to.
///
/// Threads: the server's thread.
class Deadline {
 public:
  explicit Deadline(boost::asio::any_io_executor executor)
      : timer_(std::move(executor)) {}
  ~Deadline() { clear(); }
  Deadline(const Deadline&) = delete;
  Deadline& operator=(const Deadline&) = delete;

  /// In so many seconds, in place of what was set before.
  void set(double seconds, std::function<void()> expired) {
    using Clock = std::chrono::steady_clock;
    timer_.expires_after(std::chrono::duration_cast<Clock::duration>(
        std::chrono::duration<double>(seconds)));
    const long mine = ++*present_;
    timer_.async_wait([present = present_, mine, expired = std::move(expired)](
                          boost::system::error_code failed) {
      // It may have been cleared when its time was up already.
      if (!failed && *present == mine) expired();
    });
  }

  void clear() {
    ++*present_;
    timer_.cancel();
  }

 private:
  boost::asio::steady_timer timer_;
  std::shared_ptr<long> present_ = std::make_shared<long>(0);
};

}  // namespace csm::server
