#pragma once

#include <functional>
#include <map>

namespace csm::server {

/// The connections that are open, each with a way to close it.
///
/// Threads: the server's thread.
class ConnectionSet {
 public:
  using Id = long;

  [[nodiscard]] Id add(std::function<void()> close) {
    closers_.emplace(++last_, std::move(close));
    return last_;
  }
  void remove(Id id) { closers_.erase(id); }
  [[nodiscard]] int size() const { return static_cast<int>(closers_.size()); }

  void close_all() {
    // Closing one removes it.
    const auto closers = closers_;
    for (const auto& [id, close] : closers) close();
  }

 private:
  std::map<Id, std::function<void()>> closers_;
  Id last_ = 0;
};

}  // namespace csm::server
