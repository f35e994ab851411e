#include "csm/server/sound_stream.h"

#include <algorithm>
#include <cstring>
#include <utility>
#include <vector>

#include "csm/audio/audio_file.h"
#include "csm/audio/pcm16.h"
#include "csm/audio/resampler.h"
#include "csm/audio/sound_encoder.h"
#include "csm/server/g711.h"

namespace csm::server {
namespace {

// What an encoder writes, to be taken away bit by bit. What has been taken
// cannot be written again: an encoder's corrections of its header are lost.
class TakenFile : public audio::ByteFile {
 public:
  [[nodiscard]] bool seekable() const noexcept override { return false; }

  [[nodiscard]] std::string take() {
    n_taken_ += static_cast<std::int64_t>(bytes_.size());
    return std::exchange(bytes_, {});
  }

 private:
  int write_at(std::int64_t position,
               std::span<const std::byte> bytes) noexcept override {
    const std::int64_t n_late =
        std::clamp(n_taken_ - position, std::int64_t{0},
                   static_cast<std::int64_t>(bytes.size()));
    bytes = bytes.subspan(static_cast<std::size_t>(n_late));
    if (bytes.empty()) return 0;
    const auto at = static_cast<std::size_t>(position + n_late - n_taken_);
    if (bytes_.size() < at + bytes.size()) bytes_.resize(at + bytes.size());
    std::memcpy(bytes_.data() + at, bytes.data(), bytes.size());
    return 0;
  }

  std::string bytes_;
  std::int64_t n_taken_ = 0;  // bytes before bytes_
};

std::string encode_law(OutputFormat::Law law, std::span<const float> samples) {
  const std::vector<std::int16_t> pcm = audio::to_pcm16(samples);
  return law == OutputFormat::Law::kMu ? encode_mu_law(pcm) : encode_a_law(pcm);
}

std::string as_string(const std::vector<std::byte>& bytes) {
  std::string out(bytes.size(), '\0');
  std::memcpy(out.data(), bytes.data(), bytes.size());
  return out;
}

}  // namespace

struct SoundStream::Parts {
  OutputFormat::Law law;
  audio::Resampler resampler;
  TakenFile file;
  std::unique_ptr<audio::SoundEncoder> encoder = nullptr;  // none: law

  std::string add(std::span<const float> samples) {
    if (law != OutputFormat::Law::kNone) return encode_law(law, samples);
    encoder->append(samples);
    return file.take();
  }
};

SoundStream::SoundStream(const OutputFormat& format, int model_rate)
    : parts_(new Parts{
          .law = format.law,
          .resampler = audio::Resampler(model_rate, format.sample_rate),
          .file = {}}) {
  if (format.law != OutputFormat::Law::kNone) return;
  parts_->encoder = audio::make_encoder(
      {.sample_rate = format.sample_rate, .format = format.encoding},
      parts_->file);
}

SoundStream::~SoundStream() = default;
SoundStream::SoundStream(SoundStream&&) noexcept = default;
SoundStream& SoundStream::operator=(SoundStream&&) noexcept = default;

std::string SoundStream::push(std::span<const float> samples) {
  return parts_->add(parts_->resampler.push(samples));
}

std::string SoundStream::finish() {
  std::string out = parts_->add(parts_->resampler.finish());
  if (parts_->encoder) {
    parts_->encoder->finish();
    out += parts_->file.take();
  }
  return out;
}

std::string encode_sound(const OutputFormat& format, int model_rate,
                         std::span<const float> samples) {
  audio::Resampler resampler(model_rate, format.sample_rate);
  std::vector<float> all = resampler.push(samples);
  const std::vector<float> rest = resampler.finish();
  all.insert(all.end(), rest.begin(), rest.end());
  if (format.law != OutputFormat::Law::kNone)
    return encode_law(format.law, all);
  return as_string(
      audio::encode_audio(all, format.sample_rate, format.encoding));
}

}  // namespace csm::server
