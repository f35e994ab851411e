#include <cstring>

#include "csm/audio/audio_file.h"
#include "csm/audio/byte_file.h"
#include "csm/audio/sound_encoder.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {

std::vector<std::byte> encode_audio(std::span<const float> samples,
                                    int sample_rate, AudioFormat format,
                                    SampleFormat sample_format) {
  MemoryFile file;
  const auto encoder =
      make_encoder({.sample_rate = sample_rate,
                    .format = format,
                    .sample_format = sample_format,
                    .n_samples = static_cast<std::int64_t>(samples.size())},
                   file);
  encoder->append(samples);
  encoder->finish();
  if (file.error() != 0) {
    throw Error(ErrorCode::kExhausted,
                str_cat("[audio.encode] cannot hold the file: ",
                        std::strerror(file.error())));
  }
  return file.take();
}

}  // namespace csm::audio
