#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "csm/audio/audio_format.h"

namespace csm::audio {

/// Most bytes of samples that a WAV file can hold.
inline constexpr std::int64_t kMaxWavBytes = 0xFFFFFFFFLL - 64;

/// What stands before the samples in a mono WAV file: 44 bytes, 56 for float.
///
/// data_bytes  bytes of samples, at most kMaxWavBytes; nothing: not known yet,
///             both sizes are 0xFFFFFFFF
/// Source: Microsoft, Multimedia Programming Interface 1.0, "WAVE form";
///         a `fact` chunk is due for everything that is not 16-bit PCM.
[[nodiscard]] std::vector<std::byte> wav_header(
    int sample_rate, SampleFormat sample_format,
    std::optional<std::int64_t> data_bytes);

}  // namespace csm::audio
