#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "csm/server/app.h"
#include "csm/server/http_message.h"
#include "csm/server/outgoing_sound.h"
#include "csm/server/speech_result.h"

namespace csm::server {

/// Speech that is gathered before anybody gets it: nobody listens meanwhile.
struct GatheredSpeech {
  SpeechResult result;
  std::vector<float> samples;
};

/// One request for one text, from its settings to the end of its sound.
///
/// Threads: the server's thread. Keeps itself alive while it speaks.
class SpeechJob : public std::enable_shared_from_this<SpeechJob> {
 public:
  using Finished = std::function<void(GatheredSpeech, std::optional<ApiError>)>;

  /// Gathers a whole speech; `finished` is called once, unless cancelled.
  ///
  /// plays  whether it competes with those who listen
  static std::shared_ptr<SpeechJob> gather(const std::shared_ptr<App>& app,
                                           const HttpRequest& request,
                                           SpeechRequest speech, bool plays,
                                           Finished finished);

  /// Speaks into an answer, as it is made.
  static void stream(const std::shared_ptr<App>& app,
                     const HttpRequest& request, SpeechRequest speech,
                     std::shared_ptr<Responder> responder);

  /// Ends it; nobody is told.
  void cancel();

  /// Use gather() or stream(). Throws: as StreamTicket.
  SpeechJob(std::shared_ptr<App> app, const HttpRequest& request,
            SpeechRequest speech);
  ~SpeechJob();
  SpeechJob(const SpeechJob&) = delete;
  SpeechJob& operator=(const SpeechJob&) = delete;

 private:
  void begin(bool plays);
  void open(StreamSettings settings);
  void on(const PieceBegan& event);
  void on(FrameSpoken& event);
  void on(const PieceEnded& event);
  void on(const StreamEnded& event);
  void flush(bool is_end);
  void send_head();
  void fail(const ApiError& error);
  void finish();
  void count() const;

  std::shared_ptr<App> app_;
  SpeechRequest speech_;
  std::string id_;
  double arrived_;
  StreamTicket ticket_;
  bool plays_ = true;
  Finished finished_;                     // gathered
  std::shared_ptr<Responder> responder_;  // streamed
  std::unique_ptr<SpeechStream> stream_;
  OutgoingSound sound_;              // streamed
  std::shared_ptr<SpeechJob> self_;  // while it speaks

  SpeechResult result_;
  std::vector<float> samples_;  // gathered
  bool has_head_ = false;
  bool was_opened_ = false;
  const char* outcome_ = "cancelled";
  std::size_t n_gathered_ = 0;  // samples
};

}  // namespace csm::server
