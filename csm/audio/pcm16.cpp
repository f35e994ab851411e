#include "csm/audio/pcm16.h"

#include <algorithm>
#include <cmath>

namespace csm::audio {

std::vector<std::int16_t> to_pcm16(std::span<const float> samples) {
  constexpr float kScale = 32768.0F;
  std::vector<std::int16_t> pcm;
  pcm.reserve(samples.size());
  for (const float sample : samples) {
    const float held = std::clamp(sample * kScale, -kScale, kScale - 1.0F);
    pcm.push_back(static_cast<std::int16_t>(std::nearbyint(held)));
  }
  return pcm;
}

std::int64_t count_clipped(std::span<const float> samples) {
  return std::count_if(samples.begin(), samples.end(), [](float sample) {
    return sample < -1.0F || sample > 1.0F;
  });
}

}  // namespace csm::audio
