#include "csm/audio/sample_ring.h"

#include <algorithm>

namespace csm::audio {

std::size_t SampleRing::write(std::span<const float> samples) {
  const std::size_t begin = n_written_.load(std::memory_order_relaxed);
  const std::size_t used = begin - n_read_.load(std::memory_order_acquire);
  const std::size_t n = std::min(samples.size(), buffer_.size() - used);
  for (std::size_t i = 0; i < n; ++i) {
    buffer_[(begin + i) % buffer_.size()] = samples[i];
  }
  n_written_.store(begin + n, std::memory_order_release);
  return n;
}

std::size_t SampleRing::read(std::span<float> out) {
  const std::size_t begin = n_read_.load(std::memory_order_relaxed);
  const std::size_t used = n_written_.load(std::memory_order_acquire) - begin;
  const std::size_t n = std::min(out.size(), used);
  for (std::size_t i = 0; i < n; ++i) {
    out[i] = buffer_[(begin + i) % buffer_.size()];
  }
  n_read_.store(begin + n, std::memory_order_release);
  return n;
}

std::size_t SampleRing::size() const {
  const std::size_t n_read = n_read_.load(std::memory_order_acquire);
  return n_written_.load(std::memory_order_acquire) - n_read;
}

}  // namespace csm::audio
