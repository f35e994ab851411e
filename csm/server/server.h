#pragma once

#include <memory>

#include "csm/server/server_options.h"

namespace csm::server {

/// An HTTP and WebSocket server over one engine.
///
/// Threads: one for the network, which is the caller's of run(); one for the
/// engine; one for files.
class Server {
 public:
  /// Loads the model and begins to listen; nobody is answered before run().
  ///
  /// Throws: as engine::Engine; Error{kInvalidArgument} for an address that
  /// cannot be listened on.
  explicit Server(ServerOptions options);
  ~Server();
  Server(const Server&) = delete;
  Server& operator=(const Server&) = delete;

  /// The port that it listens on.
  [[nodiscard]] int port() const;

  /// Serves until SIGTERM or SIGINT; then takes no new streams, lets those that
  /// speak end for options.drain_seconds, and returns. A second signal ends
  /// them at once.
  ///
  /// returns  the signal
  int run();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace csm::server
