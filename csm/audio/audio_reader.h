#pragma once

#include <cstdint>
#include <filesystem>
#include <memory>
#include <vector>

namespace csm::audio {

/// Reads a sound file block by block, in memory that does not grow with it;
/// mixes channels down by mean.
///
/// Threads: one thread at a time.
class AudioReader {
 public:
  /// path  any file that libsndfile knows; "-" is standard input, which is read
  ///       to its end and kept in an unnamed temporary file, because most
  ///       formats are read from several places at once
  ///
  /// Throws: Error{kNotFound} if there is no such file; Error{kCorrupt} if it
  ///   is not a sound file; Error{kUnsupported} above 32 channels or 768 kHz;
  ///   Error{kExhausted} if there is no room for standard input.
  explicit AudioReader(const std::filesystem::path& path);
  ~AudioReader();
  AudioReader(AudioReader&&) noexcept;
  AudioReader& operator=(AudioReader&&) noexcept;

  [[nodiscard]] int sample_rate() const;  ///< Hz
  [[nodiscard]] int n_channels() const;   ///< of the file

  /// The next samples, nominal [-1, 1]; none at the end.
  ///
  /// Throws: Error{kCorrupt} if the file is damaged, cut off, empty or has a
  /// sample that is not finite.
  [[nodiscard]] std::vector<float> read();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace csm::audio
