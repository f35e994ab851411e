#pragma once

#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <span>

#include "csm/audio/output_device.h"
#include "csm/audio/sample_ring.h"

namespace csm::audio {

/// How playing went.
struct PlaybackReport {
  std::int64_t n_played = 0;   ///< samples that the device took
  std::int64_t n_missing = 0;  ///< samples of silence in between
  int n_underruns = 0;         ///< gaps that these samples fill
};

struct PlayerOptions {
  int sample_rate = 24000;  ///< Hz
  /// Sound that may wait for the device; play() waits beyond it.
  std::chrono::milliseconds buffer{2000};
  /// A device that takes nothing for so long, though there is sound, has
  /// failed.
  std::chrono::milliseconds patience{5000};

  /// Throws: Error{kInvalidArgument} for what is not above 0, or a buffer of
  /// more than a minute.
  void validate() const;
};

/// Plays sound as it is made.
///
/// The device starts with the first samples: nothing is held back. Where the
/// maker of the samples is too slow, silence is played and counted.
/// Threads: one thread at a time; the device has a thread of its own.
class Player {
 public:
  /// Throws: as PlayerOptions::validate.
  Player(std::unique_ptr<OutputDevice> device, const PlayerOptions& options);
  ~Player();
  Player(const Player&) = delete;
  Player& operator=(const Player&) = delete;

  /// Hands samples over; waits while the buffer is full.
  ///
  /// samples  [n] float32, held to [-1, 1]
  /// Throws: as OutputDevice::start; Error{kBackend} when patience is over.
  void play(std::span<const float> samples);

  /// Says that no more samples will come.
  void end() { ended_.store(true, std::memory_order_release); }

  /// After end(): waits until the device has taken all samples.
  ///
  /// returns  false if it has not within `at_most`
  /// Throws: Error{kBackend} when patience is over.
  [[nodiscard]] bool wait(std::chrono::milliseconds at_most);

  /// Stops the device; samples that it has not taken are dropped.
  PlaybackReport stop();

 private:
  using Clock = std::chrono::steady_clock;

  void fill(std::span<float> out);  // the device's thread
  void note_progress();
  // Returns how many there was room for.
  std::size_t write_some(std::span<const float> samples);

  PlayerOptions options_;
  SampleRing ring_;
  std::unique_ptr<OutputDevice> device_;
  bool started_ = false;
  std::atomic<bool> ended_ = false;
  std::atomic<bool> done_ = false;

  std::atomic<std::int64_t> n_calls_ = 0;  // of fill()
  std::int64_t last_calls_ = 0;
  Clock::time_point last_change_;  // of last_calls_

  // Written by the device's thread, read after it has stopped.
  std::int64_t pending_ = 0;  // silence that only counts if sound follows
  PlaybackReport report_;
};

}  // namespace csm::audio
