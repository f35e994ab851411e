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
      sound_(app_->rules.facts),
      arrived_(now_seconds()) {
  result_.seed = options_.settings.options.seed;
}

Utterance::~Utterance() {
  if (stream_ != nullptr || sound_.has_begun()) count();
}

std::shared_ptr<Utterance> Utterance::begin(
    const std::shared_ptr<App>& app, const std::string& id,
    const std::string& client, Options options,
    std::weak_ptr<UtteranceListener> listener) {
  auto utterance = std::make_shared<Utterance>(
      app, id, client, std::move(options), std::move(listener));
  app->engine.require_room(true);
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
    sound_.set_first_chunk(app_->engine.first_chunk());
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
  if (!sound_.has_file() || options_.file_per_piece) {
    sound_.begin_file(options_.settings.format);
  }
  n_bytes_ = 0;
  n_told_ = 0;
  piece_ = event.piece;
  if (const auto listener = listener_.lock()) listener->on_piece_begun(event);
}

void Utterance::on(FrameSpoken& event) {
  if (is_over_) return;
  if (!event.codes.empty()) held_codes_.push_back(std::move(event.codes));
  if (sound_.hold(event.samples)) flush(event.piece, false);
}

void Utterance::flush(int piece, bool is_end) {
  const auto listener = listener_.lock();
  for (const auto& codes : std::exchange(held_codes_, {})) {
    ++n_told_;
    if (listener != nullptr) listener->on_codes(piece, codes);
  }
  OutgoingSound::Chunk chunk = sound_.take(is_end);
  n_bytes_ += chunk.bytes.size();
  const auto sent = [self = shared_from_this(), n_frames = chunk.n_frames,
                     seconds = chunk.seconds] {
    if (self->stream_ == nullptr) return;
    self->sound_.on_sent(n_frames, seconds, *self->stream_);
  };
  if (chunk.bytes.empty() || listener == nullptr) return sent();
  listener->on_sound(std::move(chunk.bytes), sent);
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
  if (sound_.has_file() && !options_.file_per_piece) flush(0, true);
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
  const Playback& playback = sound_.playback();
  const StreamCount stream = {
      .outcome = outcome_,
      .first_audio_seconds = sound_.first_sound() - arrived_,
      .sound_seconds = playback.sound_seconds(),
      .seconds = now_seconds() - sound_.first_sound(),
      .underrun_seconds = playback.underrun_seconds(),
      .longest_underrun = playback.longest_underrun(),
      // Text that comes slowly makes sound that comes slowly.
      .plays = false};
  app_->metrics.on_stream(stream);
  app_->log(str_cat("id=", id_, " stream=", outcome_,
                    " frames=", result_.n_frames,
                    " audio_s=", stream.sound_seconds, " seed=", result_.seed));
}

}  // namespace csm::server
