#include "csm/audio/sound_encoder.h"

#include <algorithm>
#include <cmath>

#include "csm/audio/pcm16.h"
#include "csm/audio/plain_encoder.h"
#include "csm/audio/sndfile_encoder.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {
void SoundEncoder::append(std::span<const float> samples) {
  if (!all_finite(samples)) {
    const auto bad = std::find_if(samples.begin(), samples.end(),
                                  [](float x) { return !std::isfinite(x); });
    throw Error(
        ErrorCode::kInvalidArgument,
        str_cat("[audio.encode] expected finite samples, got ", *bad,
                " (sample ", n_samples_ + (bad - samples.begin()), ')'));
  }
  add(samples);
  n_samples_ += static_cast<std::int64_t>(samples.size());
}

bool is_streamable(AudioFormat format) {
  return format == AudioFormat::kWav || format == AudioFormat::kPcm;
}

std::unique_ptr<SoundEncoder> make_encoder(const AudioWriterOptions& options,
                                           ByteFile& file) {
  options.validate();
  if (is_streamable(options.format)) {
    return std::make_unique<PlainEncoder>(options, file);
  }
  return std::make_unique<SndfileEncoder>(options, file);
}

}  // namespace csm::audio
