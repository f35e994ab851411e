#pragma once

#include <functional>
#include <memory>
#include <string>

#include "csm/server/app.h"
#include "csm/server/http_message.h"

namespace csm::server {

/// The client's end of a WebSocket. If the client leaves, nothing that is
/// called has any effect any more.
///
/// Threads: the server's thread.
class SocketPeer {
 public:
  SocketPeer() = default;
  virtual ~SocketPeer() = default;
  SocketPeer(const SocketPeer&) = delete;
  SocketPeer& operator=(const SocketPeer&) = delete;

  virtual void send_text(std::string text) = 0;
  /// sent  is called when it has left for the network
  virtual void send_binary(std::string bytes, std::function<void()> sent) = 0;
  virtual void send_text(std::string text, std::function<void()> sent) = 0;
  /// Says goodbye behind all that was sent. code  as RFC 6455, 1000: done
  virtual void close(int code, const std::string& reason) = 0;
};

/// Our end of a WebSocket: what a client's messages come to.
///
/// Threads: the server's thread.
class SocketSession {
 public:
  SocketSession() = default;
  virtual ~SocketSession() = default;
  SocketSession(const SocketSession&) = delete;
  SocketSession& operator=(const SocketSession&) = delete;

  /// Nothing is thrown: what is wrong with a message is answered.
  virtual void on_text(const std::string& message) = 0;
  /// The client has left.
  virtual void on_gone() = 0;
};

/// The session that a path stands for.
///
/// request  has passed check_client()
/// Throws: RequestError with status 404 for another path.
[[nodiscard]] std::shared_ptr<SocketSession> open_socket_session(
    const std::shared_ptr<App>& app, const HttpRequest& request,
    const std::shared_ptr<SocketPeer>& peer);

/// Throws: RequestError with status 404 unless open_socket_session() knows the
/// path.
void check_socket_path(const HttpRequest& request);

}  // namespace csm::server
