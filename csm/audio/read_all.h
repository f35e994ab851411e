#pragma once

#include <cstddef>
#include <filesystem>
#include <vector>

#include "csm/audio/audio_file.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {

/// All blocks of a reader, whose samples come at the given rate. The length in
/// a header may be a lie, so only what has come counts.
///
/// Throws: as the reader; Error{kExhausted} above the limit.
template <class Reader>
std::vector<float> read_all(Reader& reader, int sample_rate,
                            const std::filesystem::path& path,
                            const ReadLimit& limit = {}) {
  const auto rate = static_cast<std::size_t>(sample_rate);
  const std::size_t max_samples =
      limit.samples.value_or(rate * std::size_t{kMaxReadSeconds});
  std::vector<float> samples;
  for (auto block = reader.read(); !block.empty(); block = reader.read()) {
    samples.insert(samples.end(), block.begin(), block.end());
    if (samples.size() > max_samples) {
      throw Error(ErrorCode::kExhausted,
                  str_cat("[audio.read] expected at most ", max_samples / rate,
                          " s of sound", limit.why, ", got more (",
                          path.string(), ')'));
    }
  }
  return samples;
}

}  // namespace csm::audio
