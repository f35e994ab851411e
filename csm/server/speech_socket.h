#pragma once

#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "csm/server/socket_session.h"
#include "csm/server/text_feed.h"
#include "csm/server/utterance.h"

namespace csm::server {

/// /v1/audio/speech/stream (docs/server-api.md): text comes while it is being
/// written, sound leaves as binary messages.
///
/// Threads: the server's thread.
class SpeechSocket : public SocketSession,
                     public UtteranceListener,
                     public std::enable_shared_from_this<SpeechSocket> {
 public:
  SpeechSocket(std::shared_ptr<App> app, const HttpRequest& request,
               std::shared_ptr<SocketPeer> peer);

  void on_text(const std::string& message) override;
  void on_gone() override;

  void on_piece_begun(const PieceBegan& piece) override;
  void on_codes(int piece, const std::vector<std::int32_t>& codes) override;
  void on_sound(std::string bytes, std::function<void()> sent) override;
  void on_piece_ended(const PieceEnded& piece, std::size_t n_bytes) override;
  void on_ended(const SpeechResult& result,
                const std::optional<ApiError>& error) override;
  void on_cancelled(const SpeechResult& result,
                    const std::vector<engine::Segment>& kept) override;

 private:
  // What is to be said after what is being said.
  struct Waiting {
    std::vector<Piece> pieces;
    bool is_closed = false;
    std::optional<int> max_context = {};   // positions
    std::optional<int> max_audio_ms = {};  // else that of the settings
  };

  void handle(const Json& message);
  void configure(const Json& message);
  void add_text(RequestFields& fields);
  void finish_text();
  void cancel(RequestFields& fields);
  void say(std::vector<Piece> pieces);
  void say_whole();
  Waiting& open_waiting();
  void begin_next();
  void begin_utterance(const Waiting& first);
  void end_utterance(const SpeechResult& result, bool failed);
  void tell_cancelled(const std::vector<engine::Segment>& kept);
  void send(const OrderedJson& message);
  void tell(const ApiError& error);
  [[nodiscard]] bool is_idle() const;

  std::shared_ptr<App> app_;
  std::string id_;
  std::string client_;
  std::shared_ptr<SocketPeer> peer_;
  RequestRules rules_;

  SpeechSettings settings_;
  bool is_conversation_ = false;
  bool sends_codes_ = false;
  bool sends_sound_at_once_ = true;
  bool is_split_ = true;        // each sentence is spoken when it is whole
  std::shared_ptr<Talk> talk_;  // of a conversation

  TextFeed feed_;
  std::string whole_;                      // text, unless it is split
  std::optional<std::int64_t> played_ms_;  // of what is being cancelled
  bool is_cancelling_ = false;
  std::deque<Waiting> waiting_;
  std::shared_ptr<Utterance> utterance_;  // that is being said
  std::string gathered_;                  // sound, unless it leaves at once
  int n_utterances_ = 0;                  // that have ended
  int n_sentences_ = 0;                   // of the present one, begun
  int n_said_ = 0;                        // sentences of all that have ended
  int n_codes_ = 0;                       // frames of the sentence
};

}  // namespace csm::server
