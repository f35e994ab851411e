#include <sndfile.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <cstring>
#include <memory>
#include <new>

#include "csm/audio/audio_file.h"
#include "csm/audio/pcm16.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {
namespace {

// A growing file in memory behind libsndfile's virtual I/O. No exception may
// cross the C library: running out of memory is a short write.
struct MemoryFile {
  std::vector<std::byte> bytes;
  std::size_t position = 0;
};

MemoryFile& memory_file(void* user) { return *static_cast<MemoryFile*>(user); }

sf_count_t file_length(void* user) {
  return static_cast<sf_count_t>(memory_file(user).bytes.size());
}

sf_count_t file_tell(void* user) {
  return static_cast<sf_count_t>(memory_file(user).position);
}

sf_count_t file_seek(sf_count_t offset, int whence, void* user) {
  sf_count_t base = 0;
  if (whence == SEEK_CUR) base = file_tell(user);
  if (whence == SEEK_END) base = file_length(user);
  if (base + offset < 0) return -1;
  memory_file(user).position = static_cast<std::size_t>(base + offset);
  return base + offset;
}

sf_count_t file_read(void* out, sf_count_t n, void* user) {
  MemoryFile& file = memory_file(user);
  const std::size_t start = std::min(file.position, file.bytes.size());
  const std::size_t count =
      std::min(static_cast<std::size_t>(n), file.bytes.size() - start);
  if (count > 0) std::memcpy(out, file.bytes.data() + start, count);
  file.position = start + count;
  return static_cast<sf_count_t>(count);
}

sf_count_t file_write(const void* in, sf_count_t n, void* user) {
  MemoryFile& file = memory_file(user);
  const auto count = static_cast<std::size_t>(n);
  try {
    const std::size_t end = file.position + count;
    if (end > file.bytes.size()) file.bytes.resize(end);
  } catch (const std::bad_alloc&) {
    return 0;
  }
  if (count > 0) std::memcpy(file.bytes.data() + file.position, in, count);
  file.position += count;
  return n;
}

int format_code(AudioFormat format, SampleFormat sample_format) {
  switch (format) {
    case AudioFormat::kWav:
      return SF_FORMAT_WAV |
             (sample_format == SampleFormat::kFloat32 ? SF_FORMAT_FLOAT
                                                      : SF_FORMAT_PCM_16);
    case AudioFormat::kFlac:
      return SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
    case AudioFormat::kOgg:
      return SF_FORMAT_OGG | SF_FORMAT_VORBIS;
    case AudioFormat::kMp3:
      return SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III;
  }
  throw Error(ErrorCode::kInternal, "[audio.encode] unknown format");
}

// The rates of MPEG 1, 2 and 2.5; libsndfile leaks when lame refuses one.
void require_mp3_rate(int sample_rate) {
  constexpr std::array<int, 9> kRates = {8000,  11025, 12000, 16000, 22050,
                                         24000, 32000, 44100, 48000};
  if (std::find(kRates.begin(), kRates.end(), sample_rate) == kRates.end()) {
    throw Error(ErrorCode::kUnsupported,
                str_cat("[audio.encode] expected 8000, 11025, 12000, 16000, "
                        "22050, 24000, 32000, 44100 or 48000 Hz for mp3, got ",
                        sample_rate));
  }
}

void require_encodable(std::span<const float> samples, int sample_rate,
                       AudioFormat format, SampleFormat sample_format) {
  if (sample_rate < 1) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[audio.encode] expected a sample rate of at least 1 "
                        "Hz, got ",
                        sample_rate));
  }
  if (sample_format == SampleFormat::kFloat32 && format != AudioFormat::kWav) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[audio.encode] expected wav for float samples, got ",
                        to_string(format)));
  }
  if (format == AudioFormat::kMp3) require_mp3_rate(sample_rate);
  const auto bad = std::find_if(samples.begin(), samples.end(),
                                [](float x) { return !std::isfinite(x); });
  if (bad != samples.end()) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[audio.encode] expected finite samples, got ", *bad,
                        " (sample ", bad - samples.begin(), ')'));
  }
}

bool is_lossy(AudioFormat format) {
  return format == AudioFormat::kOgg || format == AudioFormat::kMp3;
}

// Near-transparent speech; 0 is best for compression level, 1 for quality.
void set_quality(SNDFILE* file, AudioFormat format) {
  double vorbis_quality = 0.6;
  double mp3_compression = 0.3;
  if (format == AudioFormat::kOgg) {
    sf_command(file, SFC_SET_VBR_ENCODING_QUALITY, &vorbis_quality,
               sizeof(vorbis_quality));
  } else if (format == AudioFormat::kMp3) {
    sf_command(file, SFC_SET_COMPRESSION_LEVEL, &mp3_compression,
               sizeof(mp3_compression));
  }
}

// Hands the samples to libsndfile; returns how many it took.
sf_count_t write_samples(SNDFILE* file, std::span<const float> samples,
                         AudioFormat format, SampleFormat sample_format) {
  const auto n = static_cast<sf_count_t>(samples.size());
  if (sample_format == SampleFormat::kFloat32) {
    return sf_writef_float(file, samples.data(), n);
  }
  if (!is_lossy(format)) {
    const std::vector<std::int16_t> pcm = to_pcm16(samples);
    return sf_writef_short(file, pcm.data(), n);
  }
  std::vector<float> held(samples.begin(), samples.end());
  for (float& sample : held) sample = std::clamp(sample, -1.0F, 1.0F);
  return sf_writef_float(file, held.data(), n);
}

[[noreturn]] void fail_encoding(AudioFormat format, int sample_rate,
                                const char* why) {
  throw Error(ErrorCode::kUnsupported,
              str_cat("[audio.encode] expected a file that libsndfile can "
                      "write, got ",
                      to_string(format), " at ", sample_rate, " Hz: ", why));
}

struct Close {
  void operator()(SNDFILE* file) const { sf_close(file); }
};

}  // namespace

std::vector<std::byte> encode_audio(std::span<const float> samples,
                                    int sample_rate, AudioFormat format,
                                    SampleFormat sample_format) {
  require_encodable(samples, sample_rate, format, sample_format);
  SF_INFO info{};
  info.samplerate = sample_rate;
  info.channels = 1;
  info.format = format_code(format, sample_format);
  SF_VIRTUAL_IO io = {file_length, file_seek, file_read, file_write, file_tell};
  MemoryFile memory;
  std::unique_ptr<SNDFILE, Close> file(
      sf_open_virtual(&io, SFM_WRITE, &info, &memory));
  if (file == nullptr) {
    fail_encoding(format, sample_rate, sf_strerror(nullptr));
  }
  set_quality(file.get(), format);
  const sf_count_t written =
      write_samples(file.get(), samples, format, sample_format);
  if (written != static_cast<sf_count_t>(samples.size())) {
    fail_encoding(format, sample_rate, sf_strerror(file.get()));
  }
  const int closed = sf_close(file.release());
  if (closed != 0) {
    fail_encoding(format, sample_rate, sf_error_number(closed));
  }
  return std::move(memory.bytes);
}

}  // namespace csm::audio
