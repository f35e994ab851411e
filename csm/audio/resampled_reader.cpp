#include "csm/audio/resampled_reader.h"

#include <algorithm>
#include <cstdint>
#include <span>

#include "csm/audio/read_all.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {
namespace {

constexpr std::int64_t kBlock = 16384;  // samples of a result, about

std::size_t step_of(int from_hz, int to_hz) {
  return static_cast<std::size_t>(
      std::clamp<std::int64_t>(kBlock * from_hz / to_hz, 1, kBlock));
}

}  // namespace

ResampledReader::ResampledReader(const std::filesystem::path& path,
                                 int sample_rate)
    : name_(path.string()),
      source_(path),
      resampler_(source_.sample_rate(), sample_rate),
      step_(step_of(source_.sample_rate(), sample_rate)) {}

std::vector<float> ResampledReader::read() {
  std::vector<float> out;
  while (out.empty() && !ended_) out = next_step();
  if (out.empty() && !any_) {
    throw Error(ErrorCode::kCorrupt,
                str_cat("[audio.read] expected at least one sample after "
                        "resampling, got none (",
                        name_, ')'));
  }
  any_ = true;
  return out;
}

std::vector<float> ResampledReader::next_step() {
  if (n_resampled_ == block_.size()) {
    block_ = source_.read();
    n_resampled_ = 0;
  }
  if (block_.empty()) {
    ended_ = true;
    return resampler_.finish();
  }
  const std::size_t n = std::min(step_, block_.size() - n_resampled_);
  n_resampled_ += n;
  return resampler_.push(
      std::span<const float>(block_).subspan(n_resampled_ - n, n));
}

std::vector<float> read_audio_at(const std::filesystem::path& path,
                                 int sample_rate, const ReadLimit& limit) {
  ResampledReader reader(path, sample_rate);
  return read_all(reader, sample_rate, path, limit);
}

}  // namespace csm::audio
