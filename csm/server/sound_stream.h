#pragma once

#include <memory>
#include <span>
#include <string>

#include "csm/server/output_format.h"

namespace csm::server {

/// Samples of the model becoming bytes of a request's format, as they come.
///
/// The bytes do not depend on how the samples are divided among the calls, but
/// for the random serial number of an Ogg stream. Sizes in a header that are
/// not known when it leaves say so: 0xFFFFFFFF in WAV, 0 in FLAC.
/// Threads: one thread at a time.
class SoundStream {
 public:
  /// Throws: Error{kUnsupported} if libsndfile cannot write the format.
  SoundStream(const OutputFormat& format, int model_rate);
  ~SoundStream();
  SoundStream(SoundStream&&) noexcept;
  SoundStream& operator=(SoundStream&&) noexcept;

  /// Bytes that are ready; encoders hold some samples back.
  ///
  /// samples  [n] float32 mono, finite; held to [-1, 1]
  /// Throws: as audio::SoundEncoder::append.
  [[nodiscard]] std::string push(std::span<const float> samples);

  /// The rest. To be called once, last. Throws: as push.
  [[nodiscard]] std::string finish();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

/// A whole sound at once: with its sizes in the header.
///
/// Throws: as SoundStream.
[[nodiscard]] std::string encode_sound(const OutputFormat& format,
                                       int model_rate,
                                       std::span<const float> samples);

}  // namespace csm::server
