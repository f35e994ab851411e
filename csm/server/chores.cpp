#include "csm/server/chores.h"

#include <deque>
#include <utility>

namespace csm::server {
namespace {

constexpr std::size_t kMaxWaiting = 64;

std::optional<ApiError> failure_of(const std::function<void()>& work) {
  try {
    work();
    return std::nullopt;
  } catch (const Error& error) {
    return api_error_of(error);
  }
}

}  // namespace

Chores::Chores(std::function<void(std::function<void()>)> post)
    : post_(std::move(post)), thread_([this] { serve(); }) {}

void Chores::stop() {
  std::deque<Chore> dropped;
  {
    const std::lock_guard lock(mutex_);
    stopping_ = true;
    dropped.swap(waiting_);
    changed_.notify_one();
  }
  if (thread_.joinable()) thread_.join();
}

void Chores::run(std::function<void()> work, Done done) {
  const std::lock_guard lock(mutex_);
  if (stopping_) return;
  if (waiting_.size() >= kMaxWaiting) {
    throw RequestError(too_many("overloaded", "too many uploads wait", 1));
  }
  waiting_.push_back({.work = std::move(work), .done = std::move(done)});
  changed_.notify_one();
}

void Chores::serve() {
  while (true) {
    Chore chore;
    {
      std::unique_lock lock(mutex_);
      changed_.wait(lock, [&] { return stopping_ || !waiting_.empty(); });
      if (stopping_) return;
      chore = std::move(waiting_.front());
      waiting_.pop_front();
    }
    post_([failure = failure_of(chore.work), done = std::move(chore.done)] {
      done(failure);
    });
  }
}

}  // namespace csm::server
