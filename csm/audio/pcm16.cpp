#include "csm/audio/pcm16.h"

#include <algorithm>
#include <cstddef>

namespace csm::audio {

// Written so that compilers make vector code of it: of such a sum no fraction
// fits a float, so that the addition rounds.
std::vector<std::int16_t> to_pcm16(std::span<const float> samples) {
  constexpr float kScale = 32768.0F;
  constexpr float kNoFraction = 0x1.8p23F;
  std::vector<std::int16_t> pcm(samples.size());
  for (std::size_t i = 0; i < samples.size(); ++i) {
    const float held =
        std::min(std::max(samples[i] * kScale, -kScale), kScale - 1);
    const float whole = (held + kNoFraction) - kNoFraction;
    pcm[i] = static_cast<std::int16_t>(static_cast<std::int32_t>(whole));
  }
  return pcm;
}

std::int64_t count_clipped(std::span<const float> samples) {
  return std::count_if(samples.begin(), samples.end(), [](float sample) {
    return sample < -1.0F || sample > 1.0F;
  });
}

}  // namespace csm::audio
