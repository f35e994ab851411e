#include "csm/server/utterance.h"

#include <iterator>
#include <utility>

#include "csm/base/str_cat.h"

namespace csm::server {

Utterance::Utterance(std::shared_ptr<App> app, std::string id,
                     std::string client, Options options,
                     std::weak_ptr<UtteranceListener> listener)
    : app_(std::move(app)),
      id_(std::move(id)),
      ticket_(app_, std::move(client)),
      options_(std::move(options)),
      listener_(std::move(listener)),
      arrived_(now_seconds()) {
  result_.seed = options_.settings.options.seed;
}

Utterance::~Utterance() {
  if (stream_ != nullptr || has_begun_) count();
}

std::shared_ptr<Utterance> Utterance::begin(
    const std::shared_ptr<App>& app, const std::string& id,
    const std::string& client, Options options,
    std::weak_ptr<UtteranceListener> listener) {
  auto utterance = std::make_shared<Utterance>(
      app, id, client, std::move(options), std::move(listener));
  if (const auto seconds = app->engine.refusal(true)) {
    throw RequestError(too_many(
        "overloaded", "no more streams can be spoken at the moment", *seconds));
  }
  SpeechSettings settings = std::move(utterance->options_.settings);
  utterance->options_.settings.format = settings.format;
  // The session holds it; if it lets go, nobody wants what comes.
  prepare_stream(app, std::move(settings),
                 [weak = std::weak_ptr(utterance)](
                     StreamSettings ready, std::optional<ApiError> error) {
                   const auto self = weak.lock();
                   if (self == nullptr || self->is_over_) return;
                   if (error) return self->end(error);
                   self->open(std::move(ready));
                 });
  return utterance;
}

void Utterance::open(StreamSettings settings) {
  try {
    settings.talk = options_.talk;
    settings.max_context = options_.max_context;
    first_chunk_ = app_->engine.first_chunk();
    stream_ = app_->engine.open(
        std::move(settings), [weak = weak_from_this()](StreamEvent event) {
          const auto self = weak.lock();
          if (self == nullptr) return;
          std::visit([&](auto& one) { self->on(one); }, event);
        });
    stream_->say(std::exchange(early_, {}));
    if (is_closed_) stream_->close();
  } catch (const Error& error) {
    end(api_error_of(error));
  }
}

void Utterance::say(std::vector<Piece> pieces) {
  if (pieces.empty() || is_over_) return;
  if (stream_ != nullptr) return stream_->say(std::move(pieces));
  std::move(pieces.begin(), pieces.end(), std::back_inserter(early_));
}

void Utterance::close() {
  is_closed_ = true;
  if (stream_ != nullptr) stream_->close();
}

void Utterance::cancel(std::optional<std::int64_t> played_ms) {
  is_over_ = true;
  is_cancelled_ = true;
  if (stream_ != nullptr) return stream_->cancel(played_ms);
  if (const auto listener = listener_.lock()) {
    listener->on_cancelled(result_, {});
  }
}

void Utterance::on(const PieceBegan& event) {
  if (is_over_) return;
  result_.add(event);
  if (!sound_ || options_.file_per_piece) {
    sound_.emplace(options_.settings.format, app_->rules.facts.sample_rate_hz);
  }
  n_bytes_ = 0;
  n_told_ = 0;
  piece_ = event.piece;
  if (const auto listener = listener_.lock()) listener->on_piece_begun(event);
}

void Utterance::on(FrameSpoken& event) {
  if (is_over_) return;
  if (!event.codes.empty()) held_codes_.push_back(std::move(event.codes));
  held_.insert(held_.end(), event.samples.begin(), event.samples.end());
  ++n_held_;
  const int n_frames =
      has_begun_ ? playback_.frames_to_gather(now_seconds(),
                                              app_->rules.facts.frame_seconds())
                 : first_chunk_;
  if (n_held_ >= n_frames) flush(event.piece, false);
}

void Utterance::flush(int piece, bool is_end) {
  has_begun_ = true;
  const auto listener = listener_.lock();
  for (const auto& codes : std::exchange(held_codes_, {})) {
    ++n_told_;
    if (listener != nullptr) listener->on_codes(piece, codes);
  }
  const double seconds =
      static_cast<double>(held_.size()) / app_->rules.facts.sample_rate_hz;
  std::string bytes = sound_->push(held_);
  if (is_end) bytes += sound_->finish();
  held_.clear();
  n_bytes_ += bytes.size();
  const auto sent = [self = shared_from_this(),
                     n_frames = std::exchange(n_held_, 0), seconds] {
    if (self->stream_ == nullptr) return;
    const double now = now_seconds();
    if (!self->playback_.has_begun()) self->first_sound_ = now;
    self->playback_.add(now, seconds);
    self->stream_->sent(n_frames);
  };
  if (bytes.empty() || listener == nullptr) return sent();
  listener->on_sound(std::move(bytes), sent);
}

void Utterance::on(PieceEnded& event) {
  if (is_over_) {
    // What the listener has not got is not made, as far as it can tell.
    if (piece_ != event.piece) return;
    if (n_told_ < event.n_frames) {
      event.reason = engine::StopReason::kCancelled;
    }
    event.n_frames = n_told_;
    event.codes.resize(static_cast<std::size_t>(n_told_) *
                       static_cast<std::size_t>(app_->rules.facts.n_codebooks));
  }
  result_.add(event);
  // What was held back for a smooth beginning leaves at the end at the latest.
  if (!is_over_) flush(event.piece, options_.file_per_piece);
  if (const auto listener = listener_.lock()) {
    listener->on_piece_ended(event, n_bytes_);
  }
}

void Utterance::on(const StreamEnded& event) {
  const auto listener = listener_.lock();
  if (is_cancelled_) {
    if (listener != nullptr) listener->on_cancelled(result_, event.kept);
    return;
  }
  if (event.error) return end(event.error);
  if (sound_ && !options_.file_per_piece) flush(0, true);
  end(std::nullopt);
}

void Utterance::end(const std::optional<ApiError>& error) {
  const auto self = shared_from_this();
  is_over_ = true;
  outcome_ = error ? "failed" : "completed";
  if (const auto listener = listener_.lock()) {
    listener->on_ended(result_, error);
  }
}

void Utterance::count() const {
  const StreamCount stream = {
      .outcome = outcome_,
      .first_audio_seconds = first_sound_ - arrived_,
      .sound_seconds = playback_.sound_seconds(),
      .seconds = now_seconds() - first_sound_,
      .underrun_seconds = playback_.underrun_seconds(),
      .longest_underrun = playback_.longest_underrun(),
      // Text that comes slowly makes sound that comes slowly.
      .plays = false};
  app_->metrics.on_stream(stream);
  app_->log(str_cat("id=", id_, " stream=", outcome_,
                    " frames=", result_.n_frames,
                    " audio_s=", stream.sound_seconds, " seed=", result_.seed));
}

}  // namespace csm::server
