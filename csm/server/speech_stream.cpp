#include "csm/server/speech_stream.h"

#include <iterator>
#include <utility>

#include "csm/server/inbox.h"
#include "csm/text/chunks.h"

namespace csm::server {

SpeechStream::SpeechStream(std::shared_ptr<Inbox> inbox,
                           std::shared_ptr<Shared> shared)
    : inbox_(std::move(inbox)), shared_(std::move(shared)) {}

SpeechStream::~SpeechStream() { cancel(); }

void SpeechStream::say(std::vector<Piece> pieces) {
  double ms = 0;
  for (const Piece& piece : pieces) ms += text::estimate_speech_ms(piece.text);
  const std::lock_guard lock(inbox_->mutex);
  shared_->waiting_ms += ms;
  std::move(pieces.begin(), pieces.end(), std::back_inserter(shared_->pieces));
  inbox_->wake();
}

void SpeechStream::close() {
  const std::lock_guard lock(inbox_->mutex);
  shared_->closed = true;
  inbox_->wake();
}

void SpeechStream::cancel(std::optional<std::int64_t> played_ms) {
  const std::lock_guard lock(inbox_->mutex);
  if (shared_->cancelled) return;
  shared_->cancelled = true;
  shared_->played_ms = played_ms;
  inbox_->wake();
}

void SpeechStream::sent(int n_frames) {
  const std::lock_guard lock(inbox_->mutex);
  shared_->n_waiting -= n_frames;
  inbox_->wake();
}

}  // namespace csm::server
