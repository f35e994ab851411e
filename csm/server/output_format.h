#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "csm/audio/audio_format.h"

namespace csm::server {

/// How sound leaves the server.
struct OutputFormat {
  /// Telephone formats, of 8 bits a sample.
  enum class Law { kNone, kMu, kA };

  std::string name = "mp3";  ///< as a request writes it
  std::string content_type = "audio/mpeg";
  audio::AudioFormat encoding = audio::AudioFormat::kMp3;
  Law law = Law::kNone;  ///< instead of `encoding`
  int sample_rate = 0;   ///< Hz
};

/// "mp3, opus, flac, wav, pcm, pcmu or pcma"
inline constexpr const char* kFormatNames =
    "mp3, opus, flac, wav, pcm, pcmu or pcma";

inline constexpr int kMinSampleRate = 8000;
inline constexpr int kMaxSampleRate = 48000;

/// The format of a request.
///
/// sample_rate  asked for, in Hz; nothing: the model's, of pcmu and pcma 8000
/// Throws: RequestError about response_format or sample_rate.
[[nodiscard]] OutputFormat find_format(std::string_view name,
                                       std::optional<int> sample_rate,
                                       int model_rate);

}  // namespace csm::server
