#include "tests/stress/desk.h"

#include <utility>

namespace csm::stress {

void Ticket::wait_for_frames(std::size_t n) {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_ || n_frames_ >= n; });
}

void Ticket::cancel() {
  const std::lock_guard lock(mutex_);
  cancelled_ = true;
  // While the engine may be computing its next frame.
  if (session_) session_->cancel();
}

void Ticket::drop() {
  const std::lock_guard lock(mutex_);
  dropped_ = true;
}

void Ticket::wait_for_end() {
  std::unique_lock lock(mutex_);
  changed_.wait(lock, [&] { return ended_; });
}

std::optional<engine::StopReason> Ticket::reason() const {
  const std::lock_guard lock(mutex_);
  return reason_;
}

void Ticket::begin(engine::Session session) {
  const std::lock_guard lock(mutex_);
  session_ = std::move(session);
  if (cancelled_) session_->cancel();
}

bool Ticket::is_dropped() {
  const std::lock_guard lock(mutex_);
  return dropped_;
}

void Ticket::take(const engine::Frame& frame) {
  const std::lock_guard lock(mutex_);
  speech_.add(frame);
  ++n_frames_;
  changed_.notify_all();
}

void Ticket::end(bool failed) {
  const std::lock_guard lock(mutex_);
  reason_ = session_->stop_reason();
  session_.reset();
  failed_ = failed;
  ended_ = true;
  changed_.notify_all();
}

void Desk::submit(std::shared_ptr<Ticket> ticket) {
  const std::lock_guard lock(mutex_);
  waiting_.push_back(std::move(ticket));
  changed_.notify_all();
}

std::vector<std::shared_ptr<Ticket>> Desk::collect(bool idle) {
  std::unique_lock lock(mutex_);
  if (idle) {
    changed_.wait(lock, [&] { return !waiting_.empty() || n_clients_ == 0; });
  }
  std::vector<std::shared_ptr<Ticket>> all(waiting_.begin(), waiting_.end());
  waiting_.clear();
  return all;
}

void Desk::open(int n_clients) {
  const std::lock_guard lock(mutex_);
  n_clients_ = n_clients;
}

void Desk::leave() {
  const std::lock_guard lock(mutex_);
  --n_clients_;
  changed_.notify_all();
}

bool Desk::deserted() const {
  const std::lock_guard lock(mutex_);
  return n_clients_ == 0;
}

}  // namespace csm::stress
