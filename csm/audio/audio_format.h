#pragma once

#include <filesystem>
#include <string_view>

namespace csm::audio {

/// The kinds of file that csm writes.
enum class AudioFormat {
  kWav,   ///< RIFF WAVE, 16-bit or float
  kFlac,  ///< FLAC, 16-bit, lossless
  kOgg,   ///< Ogg Vorbis
  kMp3,   ///< MPEG layer III
};

/// How samples are stored in a WAV file.
enum class SampleFormat { kPcm16, kFloat32 };

/// "wav", "flac", "ogg", "mp3".
[[nodiscard]] const char* to_string(AudioFormat format);

/// The format of a name as to_string gives it, or of a file extension, in any
/// case.
/// Throws: Error{kInvalidArgument} listing the known names.
[[nodiscard]] AudioFormat parse_audio_format(std::string_view name);

/// The format that the path's extension names; "-" (standard output) is WAV.
/// Throws: Error{kInvalidArgument} naming the path and the known extensions.
[[nodiscard]] AudioFormat format_from_path(const std::filesystem::path& path);

}  // namespace csm::audio
