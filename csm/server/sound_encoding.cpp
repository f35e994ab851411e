#include "csm/server/sound_encoding.h"

#include <algorithm>
#include <span>
#include <utility>

namespace csm::server {

SoundEncoding::SoundEncoding(engine::Engine& engine, std::vector<float> samples)
    : stream_(engine.start_encoding()),
      samples_(std::move(samples)),
      frame_samples_(
          static_cast<std::size_t>(engine.facts().samples_per_frame)) {}

bool SoundEncoding::advance(int n_frames) {
  const std::size_t n =
      std::min(samples_.size() - at_,
               frame_samples_ * static_cast<std::size_t>(n_frames));
  std::vector<std::int32_t> codes =
      stream_.push(std::span(samples_).subspan(at_, n));
  codes_.insert(codes_.end(), codes.begin(), codes.end());
  at_ += n;
  if (at_ < samples_.size()) return true;
  codes = stream_.finish();
  codes_.insert(codes_.end(), codes.begin(), codes.end());
  return false;
}

}  // namespace csm::server
