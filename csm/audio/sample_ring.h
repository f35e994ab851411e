#pragma once

#include <atomic>
#include <cstddef>
#include <span>
#include <vector>

namespace csm::audio {

/// A queue of samples between two threads, of bounded size.
///
/// Threads: one writes and one reads; neither waits, locks or allocates.
class SampleRing {
 public:
  /// capacity  samples, at least 1
  explicit SampleRing(std::size_t capacity) : buffer_(capacity) {}

  /// Takes as many of the samples as there is room for; returns how many.
  [[nodiscard]] std::size_t write(std::span<const float> samples);

  /// Hands out the oldest samples; returns how many there were.
  [[nodiscard]] std::size_t read(std::span<float> out);

  /// Samples in the queue; both threads may ask.
  [[nodiscard]] std::size_t size() const;
  [[nodiscard]] std::size_t capacity() const { return buffer_.size(); }

 private:
  std::vector<float> buffer_;
  // Totals since the beginning; their difference is the size.
  std::atomic<std::size_t> n_written_ = 0;
  std::atomic<std::size_t> n_read_ = 0;
};

}  // namespace csm::audio
