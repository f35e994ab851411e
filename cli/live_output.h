#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>

#include "csm/audio/audio_writer.h"
#include "csm/audio/player.h"

namespace csm::cli {

/// The options that say where sound goes, and when: --output, --format,
/// --stream and --play.
struct SoundOptions {
  std::string output;  ///< file, "-" for standard output; empty: none
  std::string format;  ///< empty: as the file's name says
  bool stream = false;
  bool play = false;

  void add_to(CLI::App& command);

  /// Whether sound leaves while it is being made.
  [[nodiscard]] bool live() const { return stream || play; }

  /// Throws: Error{kInvalidArgument} for an unknown format or file extension;
  /// UsageError for --stream without --output.
  void validate() const;

  /// Of the output, which must not be empty.
  [[nodiscard]] audio::AudioFormat audio_format() const;
};

/// Where sound goes while it is being made: into a file or pipe, to the
/// loudspeaker, or both.
///
/// What was written is a whole file after finish(); without it, a file that
/// was begun is removed.
class LiveOutput {
 public:
  /// Throws: as SoundOptions::validate; Error{kUnsupported} if there is no
  /// loudspeaker to play on.
  explicit LiveOutput(SoundOptions options);

  /// Before the first samples. Throws: as audio::AudioWriter.
  void begin(int sample_rate);

  /// Hands samples on; returns false when nobody wants more.
  ///
  /// Throws: as audio::AudioWriter::append and audio::Player::play.
  [[nodiscard]] bool add(std::span<const float> samples);

  /// Completes the file and, unless the user interrupts, waits until all is
  /// played.
  void finish();

  [[nodiscard]] bool reader_gone() const { return reader_gone_; }
  /// After finish(), of the file.
  [[nodiscard]] std::int64_t n_clipped() const { return n_clipped_; }
  /// After finish(); nothing without --play.
  [[nodiscard]] const std::optional<audio::PlaybackReport>& playback() const {
    return playback_;
  }

 private:
  SoundOptions options_;
  std::unique_ptr<audio::OutputDevice> device_;
  std::optional<audio::AudioWriter> writer_;
  std::unique_ptr<audio::Player> player_;
  bool reader_gone_ = false;
  std::int64_t n_clipped_ = 0;
  std::optional<audio::PlaybackReport> playback_;
};

}  // namespace csm::cli
