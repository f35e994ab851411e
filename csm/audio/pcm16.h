#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace csm::audio {

/// Samples as 16-bit integers: round to nearest even of sample * 32768, held
/// within [-32768, 32767]. read_audio's division by 32768 undoes it exactly.
///
/// samples  [n] float32, finite
[[nodiscard]] std::vector<std::int16_t> to_pcm16(
    std::span<const float> samples);

/// How many samples lie outside [-1, 1] and would be changed by clipping.
[[nodiscard]] std::int64_t count_clipped(std::span<const float> samples);

}  // namespace csm::audio
