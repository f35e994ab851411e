#pragma once

#include <functional>
#include <memory>
#include <string>

#include "csm/server/chores.h"
#include "csm/server/client_limits.h"
#include "csm/server/connection_set.h"
#include "csm/server/http_message.h"
#include "csm/server/metrics.h"
#include "csm/server/server_options.h"
#include "csm/server/speech_engine.h"
#include "csm/server/speech_request.h"
#include "csm/server/voice_shelf.h"

namespace csm::server {

/// What all requests share.
///
/// Threads: the server's thread.
class App {
 public:
  /// Loads the model. post: as SpeechEngine.
  ///
  /// Throws: as SpeechEngine.
  App(ServerOptions options, std::function<void(std::function<void()>)> post);

  ServerOptions options;
  /// Runs a function on the server's thread. Threads: any.
  std::function<void(std::function<void()>)> post;
  Metrics metrics;
  ClientLimits limits;
  VoiceShelf voices;
  SpeechEngine engine;
  Chores chores;
  RequestRules rules;
  ConnectionSet connections;
  int n_busy = 0;         ///< requests that are being answered
  bool draining = false;  ///< no more streams begin

  /// Counts the bytes of a body that is being read.
  ///
  /// Throws: RequestError with status 503 if there are too many already.
  void take_body(std::size_t n_bytes);
  void give_body(std::size_t n_bytes) { n_body_bytes_ -= n_bytes; }

  void log(const std::string& line) const {
    if (options.log) options.log(line);
  }

 private:
  std::size_t n_body_bytes_ = 0;
};

/// One stream of a client, counted as long as this lives.
class StreamTicket {
 public:
  /// Throws: RequestError with status 429 if the client has too many, 503 if
  /// the server is going down.
  StreamTicket(std::shared_ptr<App> app, std::string client);
  ~StreamTicket();
  StreamTicket(const StreamTicket&) = delete;
  StreamTicket& operator=(const StreamTicket&) = delete;

 private:
  std::shared_ptr<App> app_;
  std::string client_;
};

/// Finds the voice and reads the sound of a request's context; then calls
/// `done` with what an engine stream needs, or with what is wrong. What needs
/// no file is done at once.
///
/// settings  are moved from
void prepare_stream(
    const std::shared_ptr<App>& app, SpeechSettings settings,
    std::function<void(StreamSettings, std::optional<ApiError>)> done);

/// Pieces of a text as `csm generate` speaks it, and the limits that go with
/// them.
///
/// Throws: RequestError about `input` for a pause that cannot be read.
[[nodiscard]] std::vector<Piece> plan_pieces(const std::string& input,
                                             StreamSettings& settings);

/// Text that is estimated to take longer is spoken sentence by sentence.
inline constexpr int kMaxChunkMs = 20000;
/// Positions of earlier pieces that a piece of such a text hears.
inline constexpr int kLongTextContext = 512;

}  // namespace csm::server
