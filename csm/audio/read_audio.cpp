#include "csm/audio/audio_file.h"
#include "csm/audio/audio_reader.h"
#include "csm/audio/read_all.h"

namespace csm::audio {

AudioBuffer read_audio(const std::filesystem::path& path) {
  AudioReader reader(path);
  return {.samples = read_all(reader, reader.sample_rate(), path),
          .sample_rate = reader.sample_rate(),
          .n_source_channels = reader.n_channels()};
}

}  // namespace csm::audio
