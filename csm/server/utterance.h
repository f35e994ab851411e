#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "csm/server/app.h"
#include "csm/server/outgoing_sound.h"
#include "csm/server/speech_result.h"

namespace csm::server {

/// What a WebSocket's session wants to know of an utterance.
class UtteranceListener {
 public:
  UtteranceListener() = default;
  virtual ~UtteranceListener() = default;
  UtteranceListener(const UtteranceListener&) = delete;
  UtteranceListener& operator=(const UtteranceListener&) = delete;

  virtual void on_piece_begun(const PieceBegan& piece) = 0;
  /// codes  [K]
  virtual void on_codes(int piece, const std::vector<std::int32_t>& codes) = 0;
  /// Bytes of the format that was asked for; `sent` must be called when they
  /// have left.
  virtual void on_sound(std::string bytes, std::function<void()> sent) = 0;
  /// n_bytes  of its sound
  virtual void on_piece_ended(const PieceEnded& piece, std::size_t n_bytes) = 0;
  /// The last call, unless it was cancelled.
  virtual void on_ended(const SpeechResult& result,
                        const std::optional<ApiError>& error) = 0;
  /// The last call if it was.
  ///
  /// kept  what is remembered of it, if played_ms was told
  virtual void on_cancelled(const SpeechResult& result,
                            const std::vector<engine::Segment>& kept) = 0;
};

/// Something that is said over a WebSocket, while its text is still coming.
///
/// Threads: the server's thread.
class Utterance : public std::enable_shared_from_this<Utterance> {
 public:
  struct Options {
    SpeechSettings settings;
    std::shared_ptr<Talk> talk;  ///< none: one of its own
    std::optional<int> max_context;
    bool file_per_piece = false;  ///< each piece is a sound file of its own
  };

  /// Throws: RequestError as StreamTicket; with status 429 if there is no room
  /// for it.
  static std::shared_ptr<Utterance> begin(
      const std::shared_ptr<App>& app, const std::string& id,
      const std::string& client, Options options,
      std::weak_ptr<UtteranceListener> listener);

  Utterance(std::shared_ptr<App> app, std::string id, std::string client,
            Options options, std::weak_ptr<UtteranceListener> listener);
  ~Utterance();
  Utterance(const Utterance&) = delete;
  Utterance& operator=(const Utterance&) = delete;

  void say(std::vector<Piece> pieces);
  void close();
  /// No sound comes any more; then on_cancelled.
  ///
  /// played_ms  of its sound that was heard; nothing: all that was made
  void cancel(std::optional<std::int64_t> played_ms);

 private:
  void open(StreamSettings settings);
  void on(const PieceBegan& event);
  void on(FrameSpoken& event);
  void on(PieceEnded& event);
  void on(const StreamEnded& event);
  void flush(int piece, bool is_end);
  void end(const std::optional<ApiError>& error);
  void count() const;

  std::shared_ptr<App> app_;
  std::string id_;
  StreamTicket ticket_;
  Options options_;
  std::weak_ptr<UtteranceListener> listener_;
  std::unique_ptr<SpeechStream> stream_;
  std::vector<Piece> early_;  // before there is a stream
  bool is_closed_ = false;
  bool is_over_ = false;       // it has ended or was cancelled
  bool is_cancelled_ = false;  // it goes on until this was told

  OutgoingSound sound_;
  // Of frames that have not left: codes go with their sound.
  std::vector<std::vector<std::int32_t>> held_codes_;
  // Of the piece that was begun last.
  int piece_ = -1;
  int n_told_ = 0;  // frames that have left
  std::size_t n_bytes_ = 0;
  SpeechResult result_;
  double arrived_;
  const char* outcome_ = "cancelled";
};

}  // namespace csm::server
