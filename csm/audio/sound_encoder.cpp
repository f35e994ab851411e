#include "csm/audio/sound_encoder.h"

#include <cstdint>

#include "csm/audio/plain_encoder.h"
#include "csm/audio/sndfile_encoder.h"
#include "csm/base/error.h"
#include "csm/base/finite.h"
#include "csm/base/str_cat.h"

namespace csm::audio {
void SoundEncoder::append(std::span<const float> samples) {
  if (const auto bad = find_not_finite(samples)) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[audio.encode] expected finite samples, got ",
                        samples[*bad], " (sample ",
                        n_samples_ + static_cast<std::int64_t>(*bad), ')'));
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
