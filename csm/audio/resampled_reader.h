#pragma once

#include <cstddef>
#include <filesystem>
#include <string>
#include <vector>

#include "csm/audio/audio_file.h"
#include "csm/audio/audio_reader.h"
#include "csm/audio/resampler.h"

namespace csm::audio {

/// Reads a sound file as mono samples of one rate, block by block, in memory
/// that does not grow with it.
///
/// Threads: one thread at a time.
class ResampledReader {
 public:
  /// path  as AudioReader, "-" for standard input
  /// Throws: as AudioReader and Resampler.
  ResampledReader(const std::filesystem::path& path, int sample_rate);

  /// The next samples; none at the end. Throws: as AudioReader::read.
  [[nodiscard]] std::vector<float> read();

  /// The file as it is.
  [[nodiscard]] const AudioReader& source() const { return source_; }

 private:
  [[nodiscard]] std::vector<float> next_step();

  std::string name_;
  AudioReader source_;
  Resampler resampler_;
  std::size_t step_;             // samples of the file for one block
  std::vector<float> block_;     // of the file
  std::size_t n_resampled_ = 0;  // of the block
  bool ended_ = false;
  bool any_ = false;  // something has come
};

/// The whole of it.
///
/// Throws: as ResampledReader; Error{kExhausted} above the limit, which counts
/// samples at sample_rate.
[[nodiscard]] std::vector<float> read_audio_at(
    const std::filesystem::path& path, int sample_rate,
    const ReadLimit& limit = {});

}  // namespace csm::audio
