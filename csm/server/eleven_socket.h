#pragma once

#include <memory>
#include <string>
#include <vector>

#include "csm/server/socket_session.h"
#include "csm/server/text_feed.h"
#include "csm/server/utterance.h"

namespace csm::server {

/// /v1/text-to-speech/{voice}/stream-input, as ElevenLabs' clients speak it
/// (docs/server-api.md).
///
/// Threads: the server's thread.
class ElevenSocket : public SocketSession,
                     public UtteranceListener,
                     public std::enable_shared_from_this<ElevenSocket> {
 public:
  /// voice  of the path
  /// Throws: RequestError for a query that cannot be honoured.
  ElevenSocket(std::shared_ptr<App> app, const HttpRequest& request,
               std::string voice, std::shared_ptr<SocketPeer> peer);

  void on_text(const std::string& message) override;
  void on_gone() override;

  void on_piece_begun(const PieceBegan&) override {}
  void on_codes(int, const std::vector<std::int32_t>&) override {}
  void on_sound(std::string bytes, std::function<void()> sent) override;
  void on_piece_ended(const PieceEnded&, std::size_t) override {}
  void on_ended(const SpeechResult& result,
                const std::optional<ApiError>& error) override;
  void on_cancelled(const SpeechResult&,
                    const std::vector<engine::Segment>&) override {}

 private:
  void handle(const Json& message);
  void say(std::vector<Piece> pieces);
  void fail(const ApiError& error);

  std::shared_ptr<App> app_;
  std::string id_;
  std::string client_;
  std::shared_ptr<SocketPeer> peer_;
  SpeechSettings settings_;
  TextFeed feed_;
  std::shared_ptr<Utterance> utterance_;
  bool is_first_ = true;
  bool is_closed_ = false;
};

}  // namespace csm::server
