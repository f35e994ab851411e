#include "csm/server/lane_state.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "csm/text/chunks.h"

namespace csm::server {
namespace {

// 10 s of sound that was told and has not left.
constexpr int kMaxWaiting = 125;
constexpr double kMuchInHand = 1.0;  // seconds of sound

}  // namespace

LaneState::LaneState(Inbox& inbox, HeardVoices& voices, Inbox::Stream stream)
    : inbox_(inbox), voices_(voices), stream_(std::move(stream)) {
  talk_ = stream_->settings.talk;
  if (talk_ == nullptr) talk_ = std::make_shared<Talk>();
}

bool LaneState::prepare(engine::Engine& engine, int n_frames) {
  std::optional<Piece> next;
  bool cancelled = false;
  bool said_all = false;
  std::optional<std::int64_t> played_ms;
  {
    const std::lock_guard lock(inbox_.mutex);
    has_room_ = stream_->n_waiting < kMaxWaiting;
    cancelled = stream_->cancelled;
    played_ms = stream_->played_ms;
    if (!session_ && !is_listening() && !stream_->pieces.empty()) {
      next = std::move(stream_->pieces.front());
      stream_->pieces.pop_front();
      stream_->waiting_ms -= text::estimate_speech_ms(next->text);
    }
    said_all = !session_ && !next && stream_->pieces.empty() && stream_->closed;
    waiting_ms_ = stream_->waiting_ms;
  }
  if (cancelled) {
    if (session_) end_piece(engine);
    StreamEnded how = {.error = {}, .cancelled = true};
    if (played_ms && has_begun_) how.kept = talk_->trim(engine, *played_ms);
    end(std::move(how));
    return false;
  }
  if (said_all) end({});
  if (said_all || session_) return false;
  const bool was_listening = is_listening();
  try {
    listen(engine, n_frames);
    if (next) begin_piece(engine, *std::move(next));
  } catch (const Error& error) {
    fail(error);
  }
  return was_listening && !has_ended_;
}

bool LaneState::is_listening() const {
  return n_heard_ < stream_->settings.context.size();
}

// What is heard before the first piece: the voice at once, sound bit by bit.
void LaneState::listen(engine::Engine& engine, int n_frames) {
  StreamSettings& settings = stream_->settings;
  if (!has_begun_) {
    has_begun_ = true;
    facts_ = engine.facts();
    talk_->begin();
    if (settings.voice) {
      voices_.hear(engine, *settings.voice);
      talk_->hear_voice(engine, *settings.voice);
    }
  }
  if (!is_listening()) return;
  HeardTurn& turn = settings.context[n_heard_];
  if (turn.voice != nullptr) {
    talk_->hear_voice(engine, *turn.voice);
  } else if (!turn.codes.empty()) {
    talk_->hear(engine, {.utterance = std::move(turn.utterance),
                         .codes = std::move(turn.codes)});
  } else {
    if (!encoding_) encoding_.emplace(engine, std::move(turn.samples));
    if (encoding_->advance(n_frames)) return;
    talk_->hear(engine, {.utterance = std::move(turn.utterance),
                         .codes = encoding_->take()});
    encoding_.reset();
  }
  ++n_heard_;
}

void LaneState::begin_piece(engine::Engine& engine, Piece piece) {
  const StreamSettings& settings = stream_->settings;
  piece_ = std::move(piece);
  const engine::Utterance utterance = {.speaker = settings.speaker,
                                       .text = piece_.text};
  engine::GenerationOptions options = settings.options;
  options.seed += static_cast<std::uint64_t>(n_pieces_);
  session_.emplace(
      talk_->start(engine, utterance, options, settings.max_context));
  tell(PieceBegan{.piece = n_pieces_,
                  .text = piece_.text,
                  .seed = options.seed,
                  .n_prompt_positions = session_->prompt_positions(),
                  .max_frames = session_->max_frames()});
}

Lane LaneState::lane(double now) const {
  const bool is_new = session_->n_frames() == 0;
  return {.n_new_positions = is_new ? session_->prompt_positions() -
                                          session_->known_positions()
                                    : 0,
          .lead_seconds = playback_.lead(now),
          .plays = stream_->settings.plays,
          .has_room = has_room_};
}

void LaneState::take(engine::Engine& engine, engine::StepResult result,
                     double now) {
  if (result.error) return fail(*result.error);
  if (!result.frame) {
    tell_silence(piece_.pause_after_ms, now);
    return end_piece(engine);
  }
  engine::Frame& frame = *result.frame;
  if (codes_.empty()) {
    tell_silence(piece_.pause_before_ms, now);
    start_ms_ = n_samples_ * 1000 / facts_.sample_rate_hz;
  }
  codes_.insert(codes_.end(), frame.codes.begin(), frame.codes.end());
  n_samples_ += static_cast<std::int64_t>(frame.audio.size());
  playback_.add(
      now, static_cast<double>(frame.audio.size()) / facts_.sample_rate_hz);
  tell_frame({.piece = n_pieces_,
              .codes = std::move(frame.codes),
              .samples = std::move(frame.audio)},
             now);
}

void LaneState::tell_silence(int ms, double now) {
  if (ms == 0) return;
  std::vector<float> silence(static_cast<std::size_t>(
      std::int64_t{ms} * facts_.sample_rate_hz / 1000));
  n_samples_ += static_cast<std::int64_t>(silence.size());
  playback_.add(now, ms / 1000.0);
  tell_frame({.piece = n_pieces_, .codes = {}, .samples = std::move(silence)},
             now);
}

// Sound is awaited unless there is much in hand or nobody listens yet.
void LaneState::tell_frame(FrameSpoken frame, double now) {
  const bool can_wait =
      !stream_->settings.plays || playback_.lead(now) > kMuchInHand;
  tell(std::move(frame), !can_wait);
}

void LaneState::end_piece(engine::Engine& engine) {
  const engine::StopReason reason = session_ && session_->stop_reason()
                                        ? *session_->stop_reason()
                                        : engine::StopReason::kCancelled;
  PieceEnded ended = {
      .piece = n_pieces_,
      .n_frames = static_cast<int>(codes_.size()) / facts_.n_codebooks,
      .reason = reason,
      .codes = std::move(codes_)};
  codes_.clear();
  ++n_pieces_;
  talk_->add(engine,
             {.segment = {.utterance = {.speaker = stream_->settings.speaker,
                                        .text = piece_.text},
                          .codes = ended.codes},
              .start_ms = start_ms_},
             *std::exchange(session_, std::nullopt));
  tell(std::move(ended));
}

void LaneState::tell(StreamEvent event, bool is_awaited) {
  if (is_awaited) inbox_.is_awaited = true;
  if (std::holds_alternative<FrameSpoken>(event)) {
    const std::lock_guard lock(inbox_.mutex);
    ++stream_->n_waiting;
  }
  // Behind a pointer, as functions are copied and sound should not be.
  const auto shared = std::make_shared<StreamEvent>(std::move(event));
  inbox_.told.emplace_back([stream = stream_, shared] {
    if (stream->listener) stream->listener(std::move(*shared));
  });
}

void LaneState::fail(const Error& error) {
  session_.reset();
  end({.error = api_error_of(error), .cancelled = false});
}

void LaneState::end(StreamEnded how) {
  has_ended_ = true;
  tell(std::move(how));
}

double LaneState::piece_seconds() const {
  return static_cast<double>(codes_.size()) / facts_.n_codebooks *
         facts_.frame_seconds();
}

double LaneState::seconds_left() const {
  double seconds = waiting_ms_ / 1000;
  if (session_) {
    seconds += std::max(
        0.0, text::estimate_speech_ms(piece_.text) / 1000 - piece_seconds());
  }
  return seconds;
}

}  // namespace csm::server
