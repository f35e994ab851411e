#include "csm/audio/audio_format.h"

#include <algorithm>
#include <array>
#include <optional>
#include <string>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {
namespace {

constexpr std::array<std::pair<AudioFormat, std::string_view>, 6> kNames = {
    {{AudioFormat::kWav, "wav"},
     {AudioFormat::kFlac, "flac"},
     {AudioFormat::kOgg, "ogg"},
     {AudioFormat::kMp3, "mp3"},
     {AudioFormat::kOpus, "opus"},
     {AudioFormat::kPcm, "pcm"}}};

// ASCII only, whatever the locale.
char to_lower(char letter) {
  const bool is_upper = letter >= 'A' && letter <= 'Z';
  return is_upper ? static_cast<char>(letter - 'A' + 'a') : letter;
}

std::optional<AudioFormat> find_format(std::string_view name) {
  std::string lower;
  for (const char letter : name) lower += to_lower(letter);
  for (const auto& [format, known] : kNames) {
    if (lower == known) return format;
  }
  return std::nullopt;
}

// The rates of MPEG 1, 2 and 2.5; libsndfile leaks when lame refuses one.
void require_mp3_rate(int sample_rate) {
  constexpr std::array<int, 9> kRates = {8000,  11025, 12000, 16000, 22050,
                                         24000, 32000, 44100, 48000};
  if (std::find(kRates.begin(), kRates.end(), sample_rate) == kRates.end()) {
    throw Error(ErrorCode::kUnsupported,
                str_cat("[audio.format] expected 8000, 11025, 12000, 16000, "
                        "22050, 24000, 32000, 44100 or 48000 Hz for mp3, got ",
                        sample_rate));
  }
}

// Those that libopus takes.
void require_opus_rate(int sample_rate) {
  constexpr std::array<int, 5> kRates = {8000, 12000, 16000, 24000, 48000};
  if (std::find(kRates.begin(), kRates.end(), sample_rate) == kRates.end()) {
    throw Error(ErrorCode::kUnsupported,
                str_cat("[audio.format] expected 8000, 12000, 16000, 24000 or "
                        "48000 Hz for opus, got ",
                        sample_rate));
  }
}

[[noreturn]] void invalid(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "[audio.format] " + message);
}

}  // namespace

void AudioWriterOptions::validate() const {
  if (sample_rate < 1) {
    invalid(
        str_cat("expected a sample rate of at least 1 Hz, got ", sample_rate));
  }
  if (sample_format == SampleFormat::kFloat32 && format != AudioFormat::kWav) {
    invalid(str_cat("expected wav for float samples, got ", to_string(format)));
  }
  if (n_samples && *n_samples < 0) {
    invalid(str_cat("expected at least 0 samples, got ", *n_samples));
  }
  if (format == AudioFormat::kMp3) require_mp3_rate(sample_rate);
  if (format == AudioFormat::kOpus) require_opus_rate(sample_rate);
}

const char* to_string(AudioFormat format) {
  for (const auto& [known, name] : kNames) {
    if (known == format) return name.data();
  }
  return "unknown";
}

AudioFormat parse_audio_format(std::string_view name) {
  if (const auto format = find_format(name)) return *format;
  throw Error(
      ErrorCode::kInvalidArgument,
      str_cat(
          "[audio.format] expected wav, flac, ogg, mp3, opus or pcm, got \"",
          name, '"'));
}

AudioFormat format_from_path(const std::filesystem::path& path) {
  if (path == "-") return AudioFormat::kWav;
  const std::string extension = path.extension().string();
  if (!extension.empty()) {
    if (const auto format = find_format(extension.substr(1))) return *format;
  }
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[audio.format] expected a file name ending in .wav, "
                      ".flac, .ogg, .mp3, .opus or .pcm, got \"",
                      path.string(), '"'));
}

}  // namespace csm::audio
