#include "csm/audio/plain_encoder.h"

#include <bit>

#include "csm/audio/pcm16.h"
#include "csm/audio/wav_header.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {

static_assert(std::endian::native == std::endian::little,
              "samples are written as they lie in memory");

namespace {

int sample_bytes(const AudioWriterOptions& options) {
  return options.sample_format == SampleFormat::kFloat32 ? 4 : 2;
}

}  // namespace

PlainEncoder::PlainEncoder(const AudioWriterOptions& options, ByteFile& file)
    : options_(options), file_(file) {}

std::vector<std::byte> PlainEncoder::header(
    std::optional<std::int64_t> n_samples) const {
  if (options_.format == AudioFormat::kPcm) return {};
  if (n_samples) *n_samples *= sample_bytes(options_);
  return wav_header(options_.sample_rate, options_.sample_format, n_samples);
}

void PlainEncoder::begin() {
  if (begun_) return;
  begun_ = true;
  header_ = header(options_.n_samples);
  file_.write(header_);
}

// A pipe has no sizes to exceed.
void PlainEncoder::require_room(std::size_t n_more) const {
  if (options_.format == AudioFormat::kPcm) return;
  if (!file_.seekable() && !options_.n_samples) return;
  const std::int64_t limit = kMaxWavBytes / sample_bytes(options_);
  if (n_samples() + static_cast<std::int64_t>(n_more) > limit) {
    throw Error(ErrorCode::kExhausted,
                str_cat("[audio.encode] expected at most ", limit,
                        " samples in a WAV file, got more"));
  }
}

void PlainEncoder::add(std::span<const float> samples) {
  require_room(samples.size());
  begin();
  if (options_.sample_format == SampleFormat::kFloat32) {
    file_.write(std::as_bytes(samples));
  } else {
    const std::vector<std::int16_t> pcm = to_pcm16(samples);
    file_.write(std::as_bytes(std::span(pcm)));
  }
}

void PlainEncoder::finish() {
  begin();
  const std::vector<std::byte> final_header = header(n_samples());
  if (final_header == header_ || !file_.seekable()) return;
  file_.seek(0);
  file_.write(final_header);
}

}  // namespace csm::audio
