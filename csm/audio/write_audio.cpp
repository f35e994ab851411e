#include <cerrno>
#include <cstring>

#include "csm/audio/audio_file.h"
#include "csm/audio/audio_writer.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {

WriteReport write_audio(const std::filesystem::path& path,
                        std::span<const float> samples, int sample_rate,
                        AudioFormat format, SampleFormat sample_format) {
  AudioWriter writer(path,
                     {.sample_rate = sample_rate,
                      .format = format,
                      .sample_format = sample_format,
                      .n_samples = static_cast<std::int64_t>(samples.size())});
  (void)writer.append(samples);  // finish() tells again
  const WriteReport report = writer.finish();
  if (report.reader_gone) {
    throw Error(
        ErrorCode::kBackend,
        str_cat("[audio.write] cannot write: ", std::strerror(EPIPE), " (",
                path == "-" ? "standard output" : path.string(), ')'));
  }
  return report;
}

}  // namespace csm::audio
