#include "csm/audio/sndfile_encoder.h"

#include <sndfile.h>

#include <algorithm>
#include <cstdint>

#include "csm/audio/pcm16.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {
namespace {

constexpr std::size_t kBlockSamples = 4096;

ByteFile& byte_file(void* user) { return *static_cast<ByteFile*>(user); }

sf_count_t file_length(void* user) { return byte_file(user).size(); }

sf_count_t file_tell(void* user) { return byte_file(user).position(); }

sf_count_t file_seek(sf_count_t offset, int whence, void* user) {
  sf_count_t base = 0;
  if (whence == SEEK_CUR) base = file_tell(user);
  if (whence == SEEK_END) base = file_length(user);
  if (base + offset < 0) return -1;
  byte_file(user).seek(base + offset);
  return base + offset;
}

// Nothing is read back.
sf_count_t file_read(void*, sf_count_t, void*) { return 0; }

sf_count_t file_write(const void* in, sf_count_t n, void* user) {
  const std::span bytes(static_cast<const std::byte*>(in),
                        static_cast<std::size_t>(n));
  return byte_file(user).write(bytes) ? n : 0;
}

int format_code(AudioFormat format) {
  switch (format) {
    case AudioFormat::kFlac:
      return SF_FORMAT_FLAC | SF_FORMAT_PCM_16;
    case AudioFormat::kOgg:
      return SF_FORMAT_OGG | SF_FORMAT_VORBIS;
    case AudioFormat::kMp3:
      return SF_FORMAT_MPEG | SF_FORMAT_MPEG_LAYER_III;
    case AudioFormat::kOpus:
      return SF_FORMAT_OGG | SF_FORMAT_OPUS;
    case AudioFormat::kWav:
    case AudioFormat::kPcm:
      break;
  }
  throw Error(ErrorCode::kInternal, "[audio.encode] not a compressed format");
}

// Near-transparent speech; 0 is best for compression level, 1 for quality.
// Opus leaves page by page, of 200 ms instead of a second.
void set_quality(SNDFILE* sound, AudioFormat format) {
  double vorbis_quality = 0.6;
  double mp3_compression = 0.3;
  double opus_page_ms = 200;
  if (format == AudioFormat::kOgg) {
    sf_command(sound, SFC_SET_VBR_ENCODING_QUALITY, &vorbis_quality,
               sizeof(vorbis_quality));
  } else if (format == AudioFormat::kMp3) {
    sf_command(sound, SFC_SET_COMPRESSION_LEVEL, &mp3_compression,
               sizeof(mp3_compression));
  } else if (format == AudioFormat::kOpus) {
    sf_command(sound, SFC_SET_OGG_PAGE_LATENCY_MS, &opus_page_ms,
               sizeof(opus_page_ms));
  }
}

}  // namespace

void SndfileEncoder::Close::operator()(sf_private_tag* sound) const {
  sf_close(sound);
}

SndfileEncoder::SndfileEncoder(const AudioWriterOptions& options,
                               ByteFile& file)
    : options_(options), file_(file) {
  SF_INFO info{};
  info.samplerate = options.sample_rate;
  info.channels = 1;
  info.format = format_code(options.format);
  SF_VIRTUAL_IO io = {file_length, file_seek, file_read, file_write, file_tell};
  sound_.reset(sf_open_virtual(&io, SFM_WRITE, &info, &file));
  if (sound_ == nullptr) {
    if (file.error() != 0) return;
    throw Error(ErrorCode::kUnsupported,
                str_cat("[audio.encode] expected a file that libsndfile can "
                        "write, got ",
                        to_string(options.format), " at ", options.sample_rate,
                        " Hz: ", sf_strerror(nullptr)));
  }
  set_quality(sound_.get(), options.format);
  block_.reserve(kBlockSamples);
}

SndfileEncoder::~SndfileEncoder() = default;

void SndfileEncoder::fail(const char* why) const {
  throw Error(ErrorCode::kBackend,
              str_cat("[audio.encode] expected libsndfile to write ",
                      to_string(options_.format), ", got: ", why));
}

void SndfileEncoder::write_block() {
  if (file_.error() != 0) return;
  const auto n = static_cast<sf_count_t>(block_.size());
  sf_count_t written = 0;
  if (options_.format == AudioFormat::kFlac) {
    const std::vector<std::int16_t> pcm = to_pcm16(block_);
    written = sf_writef_short(sound_.get(), pcm.data(), n);
  } else {
    for (float& sample : block_) sample = std::clamp(sample, -1.0F, 1.0F);
    written = sf_writef_float(sound_.get(), block_.data(), n);
  }
  block_.clear();
  if (written != n && file_.error() == 0) fail(sf_strerror(sound_.get()));
}

void SndfileEncoder::add(std::span<const float> samples) {
  while (!samples.empty()) {
    const std::size_t n =
        std::min(samples.size(), kBlockSamples - block_.size());
    block_.insert(block_.end(), samples.begin(),
                  samples.begin() + static_cast<std::ptrdiff_t>(n));
    samples = samples.subspan(n);
    if (block_.size() == kBlockSamples) write_block();
  }
}

void SndfileEncoder::finish() {
  if (!block_.empty()) write_block();
  if (file_.error() != 0) return;
  const int closed = sf_close(sound_.release());
  if (closed != 0 && file_.error() == 0) fail(sf_error_number(closed));
}

}  // namespace csm::audio
