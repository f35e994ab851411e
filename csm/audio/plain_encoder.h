#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "csm/audio/sound_encoder.h"

namespace csm::audio {

/// Samples as they are: WAV, and raw 16-bit little endian without a header.
/// Every append() reaches the file at once.
class PlainEncoder : public SoundEncoder {
 public:
  PlainEncoder(const AudioWriterOptions& options, ByteFile& file);

  void finish() override;

 private:
  void add(std::span<const float> samples) override;
  [[nodiscard]] std::vector<std::byte> header(
      std::optional<std::int64_t> n_samples) const;
  void begin();
  void require_room(std::size_t n_more) const;

  AudioWriterOptions options_;
  ByteFile& file_;
  std::vector<std::byte> header_;  // as written
  bool begun_ = false;
};

}  // namespace csm::audio
