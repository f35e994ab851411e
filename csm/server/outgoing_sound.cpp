#include "csm/server/outgoing_sound.h"

#include <utility>

#include "csm/server/http_message.h"

namespace csm::server {

bool OutgoingSound::hold(std::span<const float> samples) {
  held_.insert(held_.end(), samples.begin(), samples.end());
  ++n_held_;
  const int n_frames = has_begun_ ? playback_.frames_to_gather(
                                        now_seconds(), facts_.frame_seconds())
                                  : first_chunk_;
  return n_held_ >= n_frames;
}

OutgoingSound::Chunk OutgoingSound::take(bool is_end) {
  has_begun_ = true;
  Chunk chunk = {
      .bytes = sound_->push(held_),
      .n_frames = std::exchange(n_held_, 0),
      .seconds = static_cast<double>(held_.size()) / facts_.sample_rate_hz};
  if (is_end) chunk.bytes += sound_->finish();
  held_.clear();
  return chunk;
}

void OutgoingSound::on_sent(int n_frames, double seconds,
                            SpeechStream& stream) {
  const double now = now_seconds();
  if (!playback_.has_begun()) first_sound_ = now;
  playback_.add(now, seconds);
  stream.sent(n_frames);
}

}  // namespace csm::server
