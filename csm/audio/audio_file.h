#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <span>
#include <vector>

#include "csm/audio/audio_format.h"

namespace csm::audio {

/// Mono sound in memory.
struct AudioBuffer {
  std::vector<float> samples;  // [n], nominal [-1, 1]
  int sample_rate = 0;         // Hz
  int n_source_channels = 1;   // channels of the file; mixed down by mean
};

/// What write_audio did.
struct WriteReport {
  std::int64_t n_clipped = 0;  // samples outside [-1, 1] that were held to it
  std::size_t n_bytes = 0;     // size of the file
};

/// The complete bytes of a sound file.
///
/// samples      [n] float32 mono, finite; held to [-1, 1] unless stored as
///              float
/// sample_rate  Hz, one that the format supports (MP3: 8000 to 48000)
/// Throws: Error{kInvalidArgument} on a sample that is not finite (with its
///   index), a sample rate below 1 or float samples in a format other than
///   WAV; Error{kUnsupported} if libsndfile cannot write such a file.
[[nodiscard]] std::vector<std::byte> encode_audio(
    std::span<const float> samples, int sample_rate, AudioFormat format,
    SampleFormat sample_format = SampleFormat::kPcm16);

/// Writes a sound file; "-" is standard output.
///
/// The file is complete or absent: a regular file appears under its name only
/// after all bytes are on disk. Devices and pipes are written directly.
/// Throws: as encode_audio; Error{kInvalidArgument} if the path cannot be
///   created; Error{kExhausted} if the disk is full; Error{kBackend} if
///   writing fails otherwise, for example into a closed pipe (the program
///   must ignore SIGPIPE).
WriteReport write_audio(const std::filesystem::path& path,
                        std::span<const float> samples, int sample_rate,
                        AudioFormat format,
                        SampleFormat sample_format = SampleFormat::kPcm16);

/// Reads any sound file that libsndfile knows; mixes channels down by mean.
///
/// Throws: Error{kNotFound} if there is no such file; Error{kCorrupt} if it is
///   not a sound file, damaged, empty or contains a sample that is not finite;
///   Error{kUnsupported} above 32 channels or 768 kHz; Error{kExhausted} above
///   kMaxReadSeconds of sound.
[[nodiscard]] AudioBuffer read_audio(const std::filesystem::path& path);

inline constexpr int kMaxReadSeconds = 3600;

}  // namespace csm::audio
