#pragma once

#include <cstdint>
#include <memory>
#include <span>

#include "csm/audio/audio_format.h"
#include "csm/audio/byte_file.h"

namespace csm::audio {

/// Turns samples into the bytes of a sound file, as they come. The bytes do
/// not depend on how the samples are divided among the calls, but for the
/// random serial number that libsndfile gives an Ogg stream.
///
/// Trouble of the file is file.error(), which the caller looks at.
/// Threads: one thread at a time.
class SoundEncoder {
 public:
  SoundEncoder() = default;
  virtual ~SoundEncoder() = default;
  SoundEncoder(const SoundEncoder&) = delete;
  SoundEncoder& operator=(const SoundEncoder&) = delete;

  /// samples  [n] float32; held to [-1, 1] unless stored as float
  /// Throws: Error{kInvalidArgument} on a sample that is not finite (with its
  /// index); Error{kExhausted} if the format holds no more; Error{kBackend}
  /// if libsndfile fails.
  void append(std::span<const float> samples);

  /// Completes the file. Throws: as append.
  virtual void finish() = 0;

 protected:
  /// Samples of all append() before this one.
  [[nodiscard]] std::int64_t n_samples() const { return n_samples_; }

 private:
  virtual void add(std::span<const float> samples) = 0;

  std::int64_t n_samples_ = 0;
};

/// An encoder into `file`, which must outlive it. WAV and raw samples need no
/// seekable file: a WAV of unknown length then keeps 0xFFFFFFFF, the usual
/// "until the end", as its sizes.
///
/// Throws: as AudioWriterOptions::validate; Error{kUnsupported} if libsndfile
/// cannot write such a file.
[[nodiscard]] std::unique_ptr<SoundEncoder> make_encoder(
    const AudioWriterOptions& options, ByteFile& file);

/// Whether the format can be written to a file that is not seekable.
[[nodiscard]] bool is_streamable(AudioFormat format);

}  // namespace csm::audio
