#include "csm/server/write_queue.h"

#include <algorithm>
#include <array>
#include <boost/asio/buffer.hpp>
#include <memory>
#include <utility>
#include <vector>

namespace csm::server {
namespace {

namespace asio = boost::asio;

constexpr std::size_t kMaxPieces = 16;
constexpr std::size_t kMaxBytes = std::size_t{1} << 18U;

}  // namespace

void WriteQueue::push(std::string bytes, std::function<void()> sent) {
  waiting_.push_back({.bytes = std::move(bytes), .sent = std::move(sent)});
  if (!is_writing_) write();
}

void WriteQueue::clear() {
  stall_.clear();
  waiting_.clear();
}

void WriteQueue::write() {
  std::vector<asio::const_buffer> buffers;
  std::size_t n_bytes = 0;
  for (const Piece& piece : waiting_) {
    if (buffers.size() == kMaxPieces || n_bytes >= kMaxBytes) break;
    const std::size_t n =
        std::min(piece.bytes.size() - piece.n_left, kMaxBytes - n_bytes);
    buffers.emplace_back(piece.bytes.data() + piece.n_left, n);
    n_bytes += n;
  }
  const auto alive = owner_.lock();
  if (alive == nullptr) return;
  is_writing_ = true;
  stall_.set(stall_seconds_, [this, owner = owner_] {
    if (const auto still = owner.lock()) broken_();
  });
  // What is being written lies in pieces that stay where they are: a deque's
  // ends grow and shrink without moving the rest.
  socket_.async_write_some(
      buffers, [this, alive](boost::system::error_code failed, std::size_t n) {
        is_writing_ = false;
        stall_.clear();
        if (waiting_.empty()) return;
        if (failed) return broken_();
        wrote(n);
      });
}

void WriteQueue::wrote(std::size_t n_bytes) {
  std::vector<std::function<void()>> told;
  while (!waiting_.empty()) {
    Piece& front = waiting_.front();
    const std::size_t n = std::min(n_bytes, front.bytes.size() - front.n_left);
    front.n_left += n;
    n_bytes -= n;
    if (front.n_left < front.bytes.size()) break;
    told.push_back(std::move(front.sent));
    waiting_.pop_front();
  }
  if (!waiting_.empty()) write();
  for (const auto& sent : told) {
    if (sent) sent();
  }
}

}  // namespace csm::server
