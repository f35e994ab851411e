#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <cstddef>
#include <deque>
#include <functional>
#include <memory>
#include <string>
#include <utility>

#include "csm/server/deadline.h"

namespace csm::server {

/// Bytes on their way to a client, in order. A client that takes none for
/// `stall_seconds` is given up.
///
/// Threads: the server's thread.
class WriteQueue {
 public:
  /// socket  must outlive this object
  WriteQueue(boost::asio::ip::tcp::socket& socket, double stall_seconds)
      : socket_(socket),
        stall_(socket.get_executor()),
        stall_seconds_(stall_seconds) {}

  /// To be called first.
  ///
  /// owner   of this object and the socket; lives while bytes leave
  /// broken  is called when the client takes no more
  void start(std::weak_ptr<void> owner, std::function<void()> broken) {
    owner_ = std::move(owner);
    broken_ = std::move(broken);
  }

  /// sent  is called when the bytes have left for the network
  void push(std::string bytes, std::function<void()> sent);

  /// Nothing more leaves, and nobody is told any more.
  void clear();

  [[nodiscard]] bool empty() const { return waiting_.empty(); }

 private:
  struct Piece {
    std::string bytes;
    std::function<void()> sent;
    std::size_t n_left = 0;  // bytes that have left
  };

  void write();
  void wrote(std::size_t n_bytes);

  boost::asio::ip::tcp::socket& socket_;
  Deadline stall_;
  double stall_seconds_;
  std::weak_ptr<void> owner_;
  std::function<void()> broken_;
  std::deque<Piece> waiting_;
  bool is_writing_ = false;
};

}  // namespace csm::server
