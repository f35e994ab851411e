#include "csm/server/speech_job.h"

#include <utility>

#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/server/base64.h"

namespace csm::server {
namespace {

constexpr std::size_t kLoggedText = 120;

std::string event_line(const OrderedJson& event) {
  return "data: " + dump(event) + "\n\n";
}

std::string names(const std::vector<std::string>& fields) {
  std::string out;
  for (const std::string& field : fields) {
    out += (out.empty() ? "" : ", ") + printable(field);
  }
  return out;
}

}  // namespace

SpeechJob::SpeechJob(std::shared_ptr<App> app, const HttpRequest& request,
                     SpeechRequest speech)
    : app_(std::move(app)),
      speech_(std::move(speech)),
      id_(request.id),
      arrived_(request.arrived),
      ticket_(app_, request.client),
      sound_(app_->rules.facts) {
  result_.seed = speech_.settings.options.seed;
}

SpeechJob::~SpeechJob() {
  if (was_opened_) count();
}

std::shared_ptr<SpeechJob> SpeechJob::gather(const std::shared_ptr<App>& app,
                                             const HttpRequest& request,
                                             SpeechRequest speech, bool plays,
                                             Finished finished) {
  auto job = std::make_shared<SpeechJob>(app, request, std::move(speech));
  job->finished_ = std::move(finished);
  job->begin(plays);
  return job;
}

void SpeechJob::stream(const std::shared_ptr<App>& app,
                       const HttpRequest& request, SpeechRequest speech,
                       std::shared_ptr<Responder> responder) {
  auto job = std::make_shared<SpeechJob>(app, request, std::move(speech));
  job->responder_ = std::move(responder);
  job->sound_.begin_file(job->speech_.settings.format);
  job->responder_->on_gone([weak = std::weak_ptr(job)] {
    if (const auto gone = weak.lock()) gone->cancel();
  });
  job->begin(true);
}

void SpeechJob::begin(bool plays) {
  plays_ = plays;
  // Before any file is read for it.
  app_->engine.require_room(plays);
  self_ = shared_from_this();
  const auto done = [weak = weak_from_this()](StreamSettings settings,
                                              std::optional<ApiError> error) {
    const auto job = weak.lock();
    if (job == nullptr) return;
    if (error) return job->fail(*error);
    job->open(std::move(settings));
  };
  try {
    SpeechSettings settings = std::move(speech_.settings);
    speech_.settings.format = settings.format;
    prepare_stream(app_, std::move(settings), done);
  } catch (const Error&) {
    self_.reset();
    throw;
  }
}

void SpeechJob::open(StreamSettings settings) {
  try {
    settings.plays = plays_;
    std::vector<Piece> pieces = plan_pieces(speech_.input, settings);
    sound_.set_first_chunk(app_->engine.first_chunk());
    stream_ = app_->engine.open(
        std::move(settings), [weak = weak_from_this()](StreamEvent event) {
          const auto job = weak.lock();
          if (job == nullptr) return;
          std::visit([&](auto& one) { job->on(one); }, event);
        });
    was_opened_ = true;
    stream_->say(std::move(pieces));
    stream_->close();
  } catch (const Error& error) {
    fail(api_error_of(error));
  }
}

void SpeechJob::on(const PieceBegan& event) {
  result_.add(event);
  if (responder_ != nullptr) return;
  // Room is not memory before something is in it; growing is copying.
  samples_.reserve(
      samples_.size() +
      static_cast<std::size_t>(event.max_frames) *
          static_cast<std::size_t>(app_->rules.facts.samples_per_frame));
}

void SpeechJob::on(const PieceEnded& event) { result_.add(event); }

void SpeechJob::on(FrameSpoken& event) {
  if (responder_ == nullptr) {
    samples_.insert(samples_.end(), event.samples.begin(), event.samples.end());
    stream_->sent(1);
  } else if (sound_.hold(event.samples)) {
    flush(false);
  }
}

void SpeechJob::on(const StreamEnded& event) {
  if (event.cancelled) return;
  if (event.error) return fail(*event.error);
  finish();
}

void SpeechJob::send_head() {
  has_head_ = true;
  HttpResponse head = {.content_type =
                           speech_.sse ? "text/event-stream"
                                       : speech_.settings.format.content_type};
  head.headers = {{"Cache-Control", "no-cache"},
                  {"X-Accel-Buffering", "no"},
                  {"x-csm-seed", std::to_string(result_.seed)}};
  if (!speech_.ignored.empty()) {
    head.headers.emplace_back("x-csm-ignored-fields", names(speech_.ignored));
  }
  responder_->begin(std::move(head), kResultHeaders);
}

// Sound leaves as far as its encoder lets it.
void SpeechJob::flush(bool is_end) {
  OutgoingSound::Chunk chunk = sound_.take(is_end);
  if (!has_head_) send_head();
  // It lives until all of it has left.
  const auto sent = [job = shared_from_this(), n_frames = chunk.n_frames,
                     seconds = chunk.seconds] {
    if (job->stream_ == nullptr) return;
    job->sound_.on_sent(n_frames, seconds, *job->stream_);
  };
  if (chunk.bytes.empty()) return sent();
  if (speech_.sse) {
    chunk.bytes = event_line({{"type", "speech.audio.delta"},
                              {"audio", base64_encode(chunk.bytes)}});
  }
  responder_->write(std::move(chunk.bytes), sent);
}

void SpeechJob::finish() {
  const auto self = std::exchange(self_, nullptr);
  outcome_ = "completed";
  if (finished_) {
    n_gathered_ = samples_.size();
    return finished_(
        {.result = std::move(result_), .samples = std::move(samples_)},
        std::nullopt);
  }
  flush(true);
  if (speech_.sse) {
    OrderedJson done = {{"type", "speech.audio.done"},
                        {"usage", result_.usage()}};
    done["seed"] = std::to_string(result_.seed);
    done["frames"] = result_.n_frames;
    done["codes_sha256"] = result_.codes_sha256();
    done["finish_reason"] = engine::to_string(result_.reason);
    responder_->write(event_line(done), [] {});
  }
  responder_->finish(result_.headers());
}

void SpeechJob::fail(const ApiError& error) {
  const auto self = std::exchange(self_, nullptr);
  outcome_ = "failed";
  stream_.reset();
  if (finished_) return finished_({}, error);
  if (!has_head_) return responder_->send(error_response(error));
  if (!speech_.sse) return responder_->abort();
  OrderedJson event = to_json(error);
  event["type"] = "speech.audio.error";
  responder_->write(event_line(event), [] {});
  responder_->finish({});
}

void SpeechJob::cancel() {
  const auto self = std::exchange(self_, nullptr);
  outcome_ = "cancelled";
  stream_.reset();
}

void SpeechJob::count() const {
  const double now = now_seconds();
  const double rate = app_->rules.facts.sample_rate_hz;
  const Playback& playback = sound_.playback();
  const StreamCount stream = {
      .outcome = outcome_,
      .first_audio_seconds = sound_.first_sound() - arrived_,
      .sound_seconds = responder_ == nullptr
                           ? static_cast<double>(n_gathered_) / rate
                           : playback.sound_seconds(),
      .seconds = now - sound_.first_sound(),
      .underrun_seconds = playback.underrun_seconds(),
      .longest_underrun = playback.longest_underrun(),
      .plays = plays_ && responder_ != nullptr};
  app_->metrics.on_stream(stream);
  std::string line =
      str_cat("id=", id_, " stream=", outcome_, " frames=", result_.n_frames,
              " audio_s=", stream.sound_seconds, " seed=", result_.seed);
  if (stream.plays && playback.has_begun()) {
    line += str_cat(" ttfa_ms=", 1000 * stream.first_audio_seconds,
                    " underrun_ms=", 1000 * stream.underrun_seconds);
  }
  if (app_->options.log_text) {
    line += " text=\"" + printable(speech_.input, kLoggedText) + '"';
  }
  app_->log(line);
}

}  // namespace csm::server
