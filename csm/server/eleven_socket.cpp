#include "csm/server/eleven_socket.h"

#include <charconv>
#include <map>
#include <optional>
#include <system_error>
#include <utility>

#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/server/base64.h"

namespace csm::server {
namespace {

// Bytes of text that wait to be said.
constexpr std::size_t kMaxText = 65536;

std::optional<long> read_number(std::string_view text) {
  long number = 0;
  const auto read =
      std::from_chars(text.data(), text.data() + text.size(), number);
  if (read.ec != std::errc() || read.ptr != text.data() + text.size()) {
    return std::nullopt;
  }
  return number;
}

std::string query_of(const HttpRequest& request, const std::string& name) {
  const auto found = request.query.find(name);
  return found == request.query.end() ? std::string() : found->second;
}

// "mp3_44100_128", "pcm_16000", "ulaw_8000", "opus_48000_64": the last number
// of mp3 and opus is a bit rate, which ours are free to choose.
OutputFormat read_format(const std::string& name, int model_rate) {
  const std::size_t mark = std::min(name.find('_'), name.size());
  const std::string kind = name.substr(0, mark);
  const std::string rest = name.substr(std::min(mark + 1, name.size()));
  const auto rate = read_number(rest.substr(0, rest.find('_')));
  const std::map<std::string, std::string> kinds = {
      {"mp3", "mp3"},   {"pcm", "pcm"},   {"wav", "wav"},
      {"opus", "opus"}, {"ulaw", "pcmu"}, {"alaw", "pcma"}};
  const auto known = kinds.find(kind);
  if (known == kinds.end() || !rate || *rate < 1 || *rate > kMaxSampleRate) {
    throw RequestError(bad_request(
        "unsupported_output_format", "output_format",
        str_cat("expected output_format mp3_*, pcm_*, wav_*, opus_*, ulaw_8000 "
                "or alaw_8000, got '",
                printable(name), "'")));
  }
  return find_format(known->second, static_cast<int>(*rate), model_rate);
}

}  // namespace

ElevenSocket::ElevenSocket(std::shared_ptr<App> app, const HttpRequest& request,
                           std::string voice, std::shared_ptr<SocketPeer> peer)
    : app_(std::move(app)),
      id_(request.id),
      client_(request.client),
      peer_(std::move(peer)) {
  Json body = {{"voice", std::move(voice)}};
  const std::string seed = query_of(request, "seed");
  if (const auto number = read_number(seed)) body["seed"] = *number;
  RequestFields fields(body);
  settings_ = read_settings(fields, app_->rules);
  std::string format = query_of(request, "output_format");
  if (format.empty()) format = "mp3_44100_128";
  settings_.format = read_format(format, app_->rules.facts.sample_rate_hz);
}

void ElevenSocket::on_text(const std::string& message) {
  try {
    handle(parse_body(message));
  } catch (const Error& error) {
    fail(api_error_of(error));
  }
}

void ElevenSocket::handle(const Json& message) {
  if (is_closed_) return;
  RequestFields fields(message);
  const std::string text = fields.required_text("text");
  if (std::exchange(is_first_, false) && text == " ") return;
  if (text.empty()) {
    is_closed_ = true;
    say(feed_.flush());
    if (utterance_ == nullptr) return on_ended({}, std::nullopt);
    return utterance_->close();
  }
  if (feed_.waiting().size() + text.size() > kMaxText) {
    fields.fail("text", "to be shorter", "input_too_long");
  }
  say(feed_.push(text));
  if (fields.boolean("flush").value_or(false)) say(feed_.flush());
}

void ElevenSocket::say(std::vector<Piece> pieces) {
  if (pieces.empty()) return;
  if (utterance_ == nullptr) {
    utterance_ = Utterance::begin(app_, id_, client_,
                                  {.settings = settings_,
                                   .talk = nullptr,
                                   .max_context = kLongTextContext},
                                  weak_from_this());
  }
  utterance_->say(std::move(pieces));
}

void ElevenSocket::on_sound(std::string bytes, std::function<void()> sent) {
  OrderedJson message = {{"audio", base64_encode(bytes)}};
  message["isFinal"] = nullptr;
  message["normalizedAlignment"] = nullptr;
  message["alignment"] = nullptr;
  peer_->send_text(dump(message), std::move(sent));
}

void ElevenSocket::on_ended(const SpeechResult&,
                            const std::optional<ApiError>& error) {
  if (error) return fail(*error);
  OrderedJson message;
  message["audio"] = nullptr;
  message["isFinal"] = true;
  message["normalizedAlignment"] = nullptr;
  message["alignment"] = nullptr;
  peer_->send_text(dump(message));
  peer_->close(1000, "done");
}

void ElevenSocket::on_gone() {
  if (const auto utterance = std::exchange(utterance_, nullptr)) {
    utterance->cancel({});
  }
}

void ElevenSocket::fail(const ApiError& error) {
  constexpr int kPolicy = 1008;
  OrderedJson message = {
      {"message", error.message}, {"error", error.code}, {"code", kPolicy}};
  peer_->send_text(dump(message));
  peer_->close(kPolicy, "refused");
  on_gone();
}

}  // namespace csm::server
