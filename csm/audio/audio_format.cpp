#include "csm/audio/audio_format.h"

#include <array>
#include <optional>
#include <string>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {
namespace {

constexpr std::array<std::pair<AudioFormat, std::string_view>, 4> kNames = {
    {{AudioFormat::kWav, "wav"},
     {AudioFormat::kFlac, "flac"},
     {AudioFormat::kOgg, "ogg"},
     {AudioFormat::kMp3, "mp3"}}};

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

}  // namespace

const char* to_string(AudioFormat format) {
  for (const auto& [known, name] : kNames) {
    if (known == format) return name.data();
  }
  return "unknown";
}

AudioFormat parse_audio_format(std::string_view name) {
  if (const auto format = find_format(name)) return *format;
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[audio.format] expected wav, flac, ogg or mp3, got \"",
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
                      ".flac, .ogg or .mp3, got \"",
                      path.string(), '"'));
}

}  // namespace csm::audio
