#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string_view>

namespace csm::audio {

/// The kinds of file that csm writes.
enum class AudioFormat {
  kWav,   ///< RIFF WAVE, 16-bit or float
  kFlac,  ///< FLAC, 16-bit, lossless
  kOgg,   ///< Ogg Vorbis
  kMp3,   ///< MPEG layer III
  kOpus,  ///< Ogg Opus
  kPcm,   ///< raw 16-bit little endian, no header
};

/// How samples are stored in a WAV file.
enum class SampleFormat { kPcm16, kFloat32 };

/// What kind of sound file is written.
struct AudioWriterOptions {
  int sample_rate = 24000;  ///< Hz, one that the format supports
  AudioFormat format = AudioFormat::kWav;
  /// kFloat32 in WAV only.
  SampleFormat sample_format = SampleFormat::kPcm16;
  /// How many samples will come, if known: a WAV on a pipe then has its sizes.
  std::optional<std::int64_t> n_samples = {};

  /// Throws: Error{kInvalidArgument} on a sample rate below 1, a negative
  /// number of samples or float samples in a format other than WAV;
  /// Error{kUnsupported} for a rate that MP3 or Opus does not know.
  void validate() const;
};

/// "wav", "flac", "ogg", "mp3", "opus", "pcm".
[[nodiscard]] const char* to_string(AudioFormat format);

/// The format of a name as to_string gives it, or of a file extension, in any
/// case.
/// Throws: Error{kInvalidArgument} listing the known names.
[[nodiscard]] AudioFormat parse_audio_format(std::string_view name);

/// The format that the path's extension names; "-" (standard output) is WAV.
/// Throws: Error{kInvalidArgument} naming the path and the known extensions.
[[nodiscard]] AudioFormat format_from_path(const std::filesystem::path& path);

}  // namespace csm::audio
