#include <sndfile.h>

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <system_error>

#include "csm/audio/audio_file.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxChannels = 32;
constexpr int kMaxSampleRate = 768000;
constexpr sf_count_t kBlockFrames = 16384;

struct Close {
  void operator()(SNDFILE* file) const { sf_close(file); }
};

[[noreturn]] void fail(ErrorCode code, const fs::path& path,
                       const std::string& expected_and_got) {
  throw Error(code, str_cat("[audio.read] expected ", expected_and_got, " (",
                            path.string(), ')'));
}

void require_readable(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    fail(ErrorCode::kNotFound, path, "a sound file, got no such file");
  }
  if (fs::is_directory(status)) {
    fail(ErrorCode::kInvalidArgument, path, "a sound file, got a folder");
  }
}

void require_supported(const SF_INFO& info, const fs::path& path) {
  if (info.channels < 1 || info.channels > kMaxChannels) {
    fail(ErrorCode::kUnsupported, path,
         str_cat("1 to ", kMaxChannels, " channels, got ", info.channels));
  }
  if (info.samplerate < 1 || info.samplerate > kMaxSampleRate) {
    fail(ErrorCode::kUnsupported, path,
         str_cat("a sample rate of 1 to ", kMaxSampleRate, " Hz, got ",
                 info.samplerate));
  }
}

// Appends the mean over the channels of each frame.
void append_mixed(std::span<const float> interleaved, int n_channels,
                  std::vector<float>& out) {
  const auto width = static_cast<std::size_t>(n_channels);
  for (std::size_t first = 0; first < interleaved.size(); first += width) {
    float sum = 0.0F;
    for (const float value : interleaved.subspan(first, width)) sum += value;
    out.push_back(sum / static_cast<float>(n_channels));
  }
}

// Block by block: the number of frames in a header may be a lie.
std::vector<float> read_frames(SNDFILE* file, const SF_INFO& info,
                               const fs::path& path) {
  const auto max_frames = static_cast<std::size_t>(info.samplerate) *
                          static_cast<std::size_t>(kMaxReadSeconds);
  std::vector<float> block(static_cast<std::size_t>(kBlockFrames) *
                           static_cast<std::size_t>(info.channels));
  std::vector<float> samples;
  sf_count_t n = 0;
  while ((n = sf_readf_float(file, block.data(), kBlockFrames)) > 0) {
    const auto n_values =
        static_cast<std::size_t>(n) * static_cast<std::size_t>(info.channels);
    append_mixed(std::span<const float>(block).first(n_values), info.channels,
                 samples);
    if (samples.size() > max_frames) {
      fail(ErrorCode::kExhausted, path,
           str_cat("at most ", kMaxReadSeconds, " s of sound, got more"));
    }
  }
  if (sf_error(file) != SF_ERR_NO_ERROR) {
    fail(ErrorCode::kCorrupt, path,
         str_cat("a whole sound file, got: ", sf_strerror(file)));
  }
  return samples;
}

}  // namespace

AudioBuffer read_audio(const fs::path& path) {
  require_readable(path);
  SF_INFO info{};
  const std::unique_ptr<SNDFILE, Close> file(
      sf_open(path.c_str(), SFM_READ, &info));
  if (file == nullptr) {
    fail(ErrorCode::kCorrupt, path,
         str_cat("a sound file, got: ", sf_strerror(nullptr)));
  }
  require_supported(info, path);
  AudioBuffer buffer;
  buffer.samples = read_frames(file.get(), info, path);
  buffer.sample_rate = info.samplerate;
  buffer.n_source_channels = info.channels;
  if (buffer.samples.empty()) {
    fail(ErrorCode::kCorrupt, path, "at least one sample, got none");
  }
  const auto bad = std::find_if(buffer.samples.begin(), buffer.samples.end(),
                                [](float x) { return !std::isfinite(x); });
  if (bad != buffer.samples.end()) {
    fail(ErrorCode::kCorrupt, path,
         str_cat("finite samples, got ", *bad, " at sample ",
                 bad - buffer.samples.begin()));
  }
  return buffer;
}

}  // namespace csm::audio
