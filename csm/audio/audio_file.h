#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <optional>
#include <span>
#include <string_view>
#include <vector>

#include "csm/audio/audio_format.h"
#include "csm/audio/audio_writer.h"

namespace csm::audio {

/// Mono sound in memory.
struct AudioBuffer {
  std::vector<float> samples;  // [n], nominal [-1, 1]
  int sample_rate = 0;         // Hz
  int n_source_channels = 1;   // channels of the file; mixed down by mean
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

/// Writes a sound file at once, by an AudioWriter; "-" is standard output.
///
/// Throws: as AudioWriter, and Error{kBackend} if nobody reads the pipe.
WriteReport write_audio(const std::filesystem::path& path,
                        std::span<const float> samples, int sample_rate,
                        AudioFormat format,
                        SampleFormat sample_format = SampleFormat::kPcm16);

/// Reads the whole of any sound file that libsndfile knows, by an AudioReader;
/// "-" is standard input.
///
/// Throws: as AudioReader; Error{kExhausted} above kMaxReadSeconds of sound.
[[nodiscard]] AudioBuffer read_audio(const std::filesystem::path& path);

inline constexpr int kMaxReadSeconds = 3600;

/// How much of a sound is read into memory at most.
struct ReadLimit {
  std::optional<std::size_t> samples = {};  // none: kMaxReadSeconds
  std::string_view why =
      {};  // told behind the seconds: ", the length of a tape"
};

}  // namespace csm::audio
