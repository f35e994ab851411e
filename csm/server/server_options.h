#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "csm/engine/engine_options.h"
#include "csm/engine/voice_library.h"
#include "csm/server/api_keys.h"
#include "csm/server/client_limits.h"

namespace csm::server {

/// How a server is set up. Times are in seconds.
struct ServerOptions {
  engine::EngineOptions model;
  std::string model_name = "csm";  ///< as /v1/models tells it
  engine::VoiceLibrary voices{{}, {}};
  std::string version;

  std::string host = "127.0.0.1";  ///< an address to listen on
  int port = 8080;                 ///< 0: any that is free
  ApiKeys keys;                    ///< none: everybody is let in
  ClientLimits::Rules client_limits;
  /// Origins whose pages may ask, "https://example.org" or "*"; none: only the
  /// server's own page.
  std::vector<std::string> cors_origins;
  /// Names besides localhost that a Host header may have while the server
  /// listens on this machine only and has no keys.
  std::vector<std::string> allowed_hosts;

  int max_streams = 64;       ///< that speak at once
  int max_batch = 64;         ///< of them in one step
  double max_load = 0.85;     ///< share of a frame that a step may take
  int max_audio_ms = 600000;  ///< that a request may ask for
  int max_connections = 512;
  std::size_t max_json_bytes = std::size_t{8} << 20U;
  std::size_t max_upload_bytes = std::size_t{10} << 20U;
  double head_seconds = 10;   ///< for a request's head
  double body_seconds = 60;   ///< for its body
  double idle_seconds = 75;   ///< between requests, and of a silent WebSocket
  double stall_seconds = 30;  ///< without a byte taken by the client
  double drain_seconds = 30;  ///< for streams when the server goes down

  bool log_text = false;  ///< what is said appears in the log
  /// Gets one line for each thing that happens; none: nobody hears of it.
  /// Threads: several at a time.
  std::function<void(const std::string&)> log;
};

}  // namespace csm::server
