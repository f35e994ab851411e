#pragma once

#include <memory>
#include <span>
#include <vector>

#include "csm/audio/sound_encoder.h"

struct sf_private_tag;

namespace csm::audio {

/// Compressed sound by libsndfile: FLAC, Ogg Vorbis, MP3 and Ogg Opus.
///
/// libsndfile always gets whole blocks of one size, so that what an encoder
/// decides does not depend on how the caller divides the samples.
class SndfileEncoder : public SoundEncoder {
 public:
  SndfileEncoder(const AudioWriterOptions& options, ByteFile& file);
  ~SndfileEncoder() override;

  void finish() override;

 private:
  void add(std::span<const float> samples) override;
  struct Close {
    void operator()(sf_private_tag* sound) const;
  };
  void write_block();
  [[noreturn]] void fail(const char* why) const;

  AudioWriterOptions options_;
  ByteFile& file_;
  std::vector<float> block_;
  std::unique_ptr<sf_private_tag, Close> sound_;
};

}  // namespace csm::audio
