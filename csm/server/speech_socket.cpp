#include "csm/server/speech_socket.h"

#include <iterator>
#include <utility>

#include "csm/base/printable.h"
#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"

namespace csm::server {
namespace {

// Bytes of text that wait to be said.
constexpr std::size_t kMaxText = 65536;
constexpr std::size_t kMaxUtterances = 64;

RequestRules socket_rules(RequestRules rules) {
  rules.default_format = "pcm";
  return rules;
}

}  // namespace

SpeechSocket::SpeechSocket(std::shared_ptr<App> app, const HttpRequest& request,
                           std::shared_ptr<SocketPeer> peer)
    : app_(std::move(app)),
      id_(request.id),
      client_(request.client),
      peer_(std::move(peer)),
      rules_(socket_rules(app_->rules)) {
  const Json nothing = Json::object();
  RequestFields fields(nothing);
  settings_ = read_settings(fields, rules_);
}

void SpeechSocket::on_text(const std::string& message) {
  try {
    handle(parse_body(message));
  } catch (const Error& error) {
    tell(api_error_of(error));
  }
}

void SpeechSocket::handle(const Json& message) {
  RequestFields fields(message);
  const std::string type = fields.required_text("type");
  if (type == "session.config") return configure(message);
  if (type == "input.text") return add_text(fields);
  if (type == "input.done") return finish_text();
  if (type == "input.cancel") return cancel(fields);
  if (type == "session.close") return peer_->close(1000, "closed");
  fields.fail("type",
              "to be session.config, input.text, input.done, input.cancel or "
              "session.close",
              "unknown_message");
}

bool SpeechSocket::is_idle() const {
  return utterance_ == nullptr && waiting_.empty() && feed_.waiting().empty() &&
         whole_.empty();
}

void SpeechSocket::configure(const Json& message) {
  if (!is_idle()) {
    throw RequestError(bad_request(
        "busy", "type",
        "expected session.config between utterances, got it within one"));
  }
  RequestFields fields(message);
  (void)fields.find("type");
  SpeechSettings settings = read_settings(fields, rules_);
  const bool was_conversation = is_conversation_;
  is_conversation_ = fields.boolean("conversation").value_or(is_conversation_);
  sends_codes_ = fields.boolean("codes").value_or(sends_codes_);
  sends_sound_at_once_ =
      fields.boolean("stream_audio").value_or(sends_sound_at_once_);
  const std::string split =
      fields.text("split").value_or(is_split_ ? "sentence" : "none");
  if (split != "sentence" && split != "none") {
    fields.fail("split", "to be sentence or none");
  }
  is_split_ = split == "sentence";
  settings_ = std::move(settings);
  if (!is_conversation_) talk_.reset();
  if (is_conversation_ && !was_conversation) {
    talk_ = app_->engine.begin_talk();
    n_said_ = 0;
  }
  send({{"type", "session.configured"},
        {"session_id", id_},
        {"format", settings_.format.name},
        {"sample_rate", settings_.format.sample_rate},
        {"seed", std::to_string(settings_.options.seed)},
        {"conversation", is_conversation_},
        {"ignored_fields", fields.unknown()}});
}

void SpeechSocket::add_text(RequestFields& fields) {
  const std::string text = fields.required_text("text");
  std::size_t n_bytes = feed_.waiting().size() + whole_.size() + text.size();
  for (const Waiting& later : waiting_) {
    for (const Piece& piece : later.pieces) n_bytes += piece.text.size();
  }
  if (n_bytes > kMaxText) {
    throw RequestError(bad_request(
        "input_too_long", "text",
        str_cat("expected at most ", kMaxText, " bytes of text to wait")));
  }
  if (is_split_) {
    say(feed_.push(text));
  } else {
    whole_ += text;
  }
}

// The newest utterance that is not closed.
SpeechSocket::Waiting& SpeechSocket::open_waiting() {
  if (waiting_.empty() || waiting_.back().is_closed) {
    if (waiting_.size() >= kMaxUtterances) {
      throw RequestError(bad_request(
          "too_many_utterances", "text",
          str_cat("expected at most ", kMaxUtterances, " utterances to wait")));
    }
    waiting_.emplace_back();
    if (!is_conversation_) waiting_.back().max_context = kLongTextContext;
  }
  return waiting_.back();
}

void SpeechSocket::say(std::vector<Piece> pieces) {
  if (pieces.empty()) return;
  auto& last = open_waiting().pieces;
  std::move(pieces.begin(), pieces.end(), std::back_inserter(last));
  begin_next();
}

// As /v1/audio/speech speaks it.
void SpeechSocket::say_whole() {
  const std::string text = std::exchange(whole_, {});
  check_input(text, "text");
  StreamSettings limits;
  limits.options = settings_.options;
  std::vector<Piece> pieces = plan_pieces(text, limits);
  Waiting& last = open_waiting();
  last.pieces = std::move(pieces);
  last.max_audio_ms = limits.options.max_audio_ms;
  if (!is_conversation_) last.max_context = limits.max_context;
}

void SpeechSocket::finish_text() {
  if (is_split_) {
    say(feed_.flush());
  } else {
    say_whole();
  }
  if (waiting_.empty() || waiting_.back().is_closed) {
    throw RequestError(
        bad_request("empty_input", "type",
                    "expected some text before input.done, got none"));
  }
  waiting_.back().is_closed = true;
  begin_next();
}

// The first that waits is the one that is being said, once it has begun.
void SpeechSocket::begin_next() {
  if (waiting_.empty() || is_cancelling_) return;
  if (utterance_ == nullptr) begin_utterance(waiting_.front());
  // It may have failed at once.
  if (utterance_ == nullptr || waiting_.empty()) return;
  Waiting& first = waiting_.front();
  utterance_->say(std::exchange(first.pieces, {}));
  if (first.is_closed) utterance_->close();
}

void SpeechSocket::begin_utterance(const Waiting& first) {
  Utterance::Options options = {.settings = settings_,
                                .talk = talk_,
                                .max_context = first.max_context,
                                .file_per_piece = true};
  engine::GenerationOptions& speech = options.settings.options;
  if (first.max_audio_ms) speech.max_audio_ms = *first.max_audio_ms;
  if (is_conversation_) {
    speech.seed += static_cast<std::uint64_t>(n_said_);
    // A conversation remembers what it heard first.
    settings_.context.clear();
  }
  n_sentences_ = 0;
  try {
    utterance_ = Utterance::begin(app_, id_, client_, std::move(options),
                                  weak_from_this());
  } catch (const Error&) {
    waiting_.clear();
    feed_.clear();
    throw;
  }
}

void SpeechSocket::cancel(RequestFields& fields) {
  const auto played = fields.integer("played_ms", 0, INT32_MAX);
  feed_.clear();
  whole_.clear();
  waiting_.clear();
  gathered_.clear();
  if (is_cancelling_) return;
  played_ms_.reset();
  if (played) played_ms_ = *played;
  if (utterance_ != nullptr) {
    is_cancelling_ = true;
    return utterance_->cancel(played_ms_);
  }
  if (talk_ == nullptr || !played_ms_) return tell_cancelled({});
  app_->engine.run([app = app_, weak = weak_from_this(), talk = talk_,
                    ms = *played_ms_](engine::Engine& engine) {
    app->post([weak, kept = talk->trim(engine, ms)] {
      if (const auto self = weak.lock()) self->tell_cancelled(kept);
    });
  });
}

void SpeechSocket::on_cancelled(const SpeechResult& result,
                                const std::vector<engine::Segment>& kept) {
  tell_cancelled(kept);
  is_cancelling_ = false;
  end_utterance(result, false);
}

void SpeechSocket::tell_cancelled(const std::vector<engine::Segment>& kept) {
  const int last = is_cancelling_ ? n_utterances_ : n_utterances_ - 1;
  OrderedJson message = {{"type", "audio.cancelled"},
                         {"utterance_index", std::max(0, last)},
                         {"sentence_index", std::max(0, n_sentences_ - 1)},
                         {"reason", "client_cancel"}};
  if (played_ms_) {
    std::string text;
    std::size_t n_codes = 0;
    for (const engine::Segment& segment : kept) {
      text += (text.empty() ? "" : " ") + segment.utterance.text;
      n_codes += segment.codes.size();
    }
    message["played_ms"] = *played_ms_;
    message["kept_frames"] =
        n_codes / static_cast<std::size_t>(rules_.facts.n_codebooks);
    message["kept_text"] = text;
  }
  send(message);
}

void SpeechSocket::on_gone() {
  if (const auto utterance = std::exchange(utterance_, nullptr)) {
    utterance->cancel({});
  }
  waiting_.clear();
}

void SpeechSocket::on_piece_begun(const PieceBegan& piece) {
  n_sentences_ = piece.piece + 1;
  n_codes_ = 0;
  send({{"type", "audio.start"},
        {"utterance_index", n_utterances_},
        {"sentence_index", piece.piece},
        {"sentence_text", piece.text},
        {"format", settings_.format.name},
        {"sample_rate", settings_.format.sample_rate},
        {"seed", std::to_string(piece.seed)},
        {"max_frames", piece.max_frames},
        {"frame_samples", rules_.facts.samples_per_frame}});
}

void SpeechSocket::on_codes(int piece, const std::vector<std::int32_t>& codes) {
  if (!sends_codes_) return;
  send({{"type", "audio.codes"},
        {"utterance_index", n_utterances_},
        {"sentence_index", piece},
        {"first_frame", n_codes_++},
        {"codes", OrderedJson::array({codes})}});
}

void SpeechSocket::on_sound(std::string bytes, std::function<void()> sent) {
  if (sends_sound_at_once_) {
    return peer_->send_binary(std::move(bytes), std::move(sent));
  }
  gathered_ += bytes;
  sent();
}

void SpeechSocket::on_piece_ended(const PieceEnded& piece,
                                  std::size_t n_bytes) {
  if (!gathered_.empty()) {
    peer_->send_binary(std::exchange(gathered_, {}), nullptr);
  }
  send({{"type", "audio.done"},
        {"utterance_index", n_utterances_},
        {"sentence_index", piece.piece},
        {"total_bytes", n_bytes},
        {"frames", piece.n_frames},
        {"codes_sha256", sha256_hex(std::as_bytes(std::span(piece.codes)))},
        {"finish_reason", engine::to_string(piece.reason)},
        {"error", false}});
}

void SpeechSocket::on_ended(const SpeechResult& result,
                            const std::optional<ApiError>& error) {
  if (error) {
    tell(*error);
    feed_.clear();
  }
  if (!waiting_.empty()) waiting_.pop_front();
  end_utterance(result, error.has_value());
}

void SpeechSocket::end_utterance(const SpeechResult& result, bool failed) {
  OrderedJson message = {{"type", "session.done"},
                         {"utterance_index", n_utterances_},
                         {"total_sentences", n_sentences_},
                         {"error", failed}};
  message["usage"] = result.usage();
  message["seed"] = std::to_string(result.seed);
  message["frames"] = result.n_frames;
  message["codes_sha256"] = result.codes_sha256();
  message["finish_reason"] = engine::to_string(result.reason);
  send(message);
  n_said_ += n_sentences_;
  ++n_utterances_;
  utterance_.reset();
  try {
    begin_next();
  } catch (const Error& error) {
    tell(api_error_of(error));
  }
}

void SpeechSocket::send(const OrderedJson& message) {
  peer_->send_text(dump(message));
}

void SpeechSocket::tell(const ApiError& error) {
  OrderedJson message = {{"type", "error"},
                         {"status", error.status},
                         {"code", error.code},
                         {"message", error.message}};
  message["error"] = to_json(error)["error"];
  if (error.retry_after_s > 0) message["retry_after_s"] = error.retry_after_s;
  send(message);
}

}  // namespace csm::server
