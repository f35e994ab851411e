#include "csm/server/app.h"

#include <algorithm>
#include <utility>

#include "csm/base/str_cat.h"
#include "csm/server/uploaded_sound.h"
#include "csm/text/chunks.h"

namespace csm::server {
namespace {

constexpr int kMaxContextSeconds = 60;
// Bytes of all bodies that are being read.
constexpr std::size_t kMaxBodies = std::size_t{256} << 20U;

SpeechEngine::Options engine_options(const ServerOptions& options) {
  return {.model = options.model,
          .admission = {.max_streams = options.max_streams,
                        .max_load = options.max_load},
          .schedule = {.max_rows = options.max_batch}};
}

// What chores find out.
struct Prepared {
  SpeechSettings settings;
  StreamSettings stream;
};

void choose_voice(Prepared& prepared, ChosenVoice voice) {
  prepared.stream.speaker = prepared.settings.speaker.value_or(voice.speaker);
  prepared.stream.voice = std::move(voice.pack);
}

void read_files(VoiceShelf& voices, int rate, Prepared& prepared) {
  choose_voice(prepared, voices.choose(prepared.settings.voice));
  std::size_t index = 0;
  for (ContextTurn& turn : prepared.settings.context) {
    HeardTurn heard = {
        .voice = nullptr,
        .utterance = {.speaker = turn.speaker, .text = std::move(turn.text)},
        .samples = {},
        .codes = std::move(turn.codes)};
    if (!turn.voice.empty()) {
      heard.voice = voices.choose(turn.voice).pack;
      // A bare speaker has nothing that could be heard.
      if (heard.voice == nullptr) continue;
    } else if (heard.codes.empty()) {
      heard.samples = read_uploaded_sound(
          std::exchange(turn.sound, {}), rate, kMaxContextSeconds,
          str_cat("context[", index, "].audio"));
    }
    prepared.stream.context.push_back(std::move(heard));
    ++index;
  }
}

}  // namespace

App::App(ServerOptions server_options,
         std::function<void(std::function<void()>)> poster)
    : options(std::move(server_options)),
      post(std::move(poster)),
      limits(options.client_limits),
      voices(options.voices),
      engine(engine_options(options), post, &metrics),
      chores(post),
      rules({.facts = engine.facts(),
             .models = {options.model_name, "csm", "csm-1b", "sesame/csm-1b"},
             .max_audio_ms = options.max_audio_ms,
             .allows_context_sound = options.model.encoder}) {}

void App::take_body(std::size_t n_bytes) {
  if (n_body_bytes_ + n_bytes > kMaxBodies) {
    throw RequestError({.status = 503,
                        .type = "server_error",
                        .code = "overloaded",
                        .message = "too many bodies are being read",
                        .param = {},
                        .retry_after_s = 1});
  }
  n_body_bytes_ += n_bytes;
}

StreamTicket::StreamTicket(std::shared_ptr<App> app, std::string client)
    : app_(std::move(app)), client_(std::move(client)) {
  if (app_->draining) {
    throw RequestError({.status = 503,
                        .type = "server_error",
                        .code = "shutting_down",
                        .message = "the server is going down",
                        .param = {},
                        .retry_after_s = 10});
  }
  if (!app_->limits.begin_stream(client_)) {
    throw RequestError(too_many(
        "too_many_streams", "this client has as many streams as it may", 1));
  }
}

StreamTicket::~StreamTicket() { app_->limits.end_stream(client_); }

void prepare_stream(
    const std::shared_ptr<App>& app, SpeechSettings settings,
    std::function<void(StreamSettings, std::optional<ApiError>)> done) {
  auto prepared = std::make_shared<Prepared>();
  prepared->settings = std::move(settings);
  prepared->stream.options = prepared->settings.options;
  const auto speaker = VoiceShelf::choose_speaker(prepared->settings.voice);
  if (speaker && prepared->settings.context.empty()) {
    choose_voice(*prepared, *speaker);
    return done(std::move(prepared->stream), std::nullopt);
  }
  app->chores.run(
      [app, prepared] {
        read_files(app->voices, app->rules.facts.sample_rate_hz, *prepared);
      },
      [prepared, done = std::move(done)](std::optional<ApiError> error) {
        done(std::move(prepared->stream), std::move(error));
      });
}

std::vector<Piece> plan_pieces(const std::string& input,
                               StreamSettings& settings) {
  text::Reading reading;
  try {
    reading = text::plan_reading(input, kMaxChunkMs);
  } catch (const Error& error) {
    throw RequestError(bad_request("invalid_value", "input", error.what()));
  }
  std::vector<Piece> pieces;
  for (text::Chunk& chunk : reading.chunks) {
    pieces.push_back(
        {.text = std::move(chunk.text), .pause_before_ms = chunk.pause_ms});
  }
  pieces.back().pause_after_ms = reading.final_pause_ms;
  const Piece& first = pieces.front();
  if (pieces.size() > 1 || first.pause_before_ms > 0 ||
      first.pause_after_ms > 0) {
    settings.options.max_audio_ms =
        std::min(settings.options.max_audio_ms, 2 * kMaxChunkMs);
    settings.max_context = kLongTextContext;
  }
  return pieces;
}

}  // namespace csm::server
