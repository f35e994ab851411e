#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>

#include "csm/audio/audio_format.h"

namespace csm::audio {

/// What writing a sound file came to.
struct WriteReport {
  std::int64_t n_samples = 0;
  std::int64_t n_clipped = 0;  ///< outside [-1, 1] and held to it
  std::size_t n_bytes = 0;     ///< size of the file
  bool reader_gone = false;    ///< the other end of the pipe was closed
};

/// Writes a sound file piece by piece, in memory that does not grow with it.
///
/// A regular file appears under its name only when finish() has put all of it
/// on disk; without finish() the destructor removes what was written. Devices,
/// pipes and standard output are written directly: WAV and raw samples leave
/// with every append(), compressed formats, which cannot be streamed, with
/// finish(). Standard output that is a regular file is completed in place.
///
/// The bytes do not depend on the pieces and equal those of encode_audio(),
/// but for two things: a WAV on a pipe whose length is not known has
/// 0xFFFFFFFF as its two sizes, and each Ogg stream has a random serial number.
/// Threads: one thread at a time.
class AudioWriter {
 public:
  /// path  "-" is standard output
  /// Throws: as AudioWriterOptions::validate; Error{kInvalidArgument} if the
  ///   file cannot be created; Error{kUnsupported} if libsndfile cannot write
  ///   such a file.
  AudioWriter(const std::filesystem::path& path,
              const AudioWriterOptions& options);
  ~AudioWriter();
  AudioWriter(AudioWriter&&) noexcept;
  AudioWriter& operator=(AudioWriter&&) noexcept;

  /// samples  [n] float32 mono, finite; held to [-1, 1] unless stored as float
  /// returns  false when nobody reads the pipe any more: an end like another,
  ///          nothing that is written from here on has any effect (the program
  ///          must ignore SIGPIPE)
  /// Throws: Error{kInvalidArgument} on a sample that is not finite (with its
  ///   index); Error{kExhausted} if the disk or the format is full;
  ///   Error{kBackend} if writing fails otherwise.
  [[nodiscard]] bool append(std::span<const float> samples);

  /// Completes the file and puts it in its place. To be called once, last.
  ///
  /// Throws: as append.
  WriteReport finish();

 private:
  struct Parts;
  std::unique_ptr<Parts> parts_;
};

}  // namespace csm::audio
