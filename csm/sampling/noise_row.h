#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

#include "csm/sampling/torch_rng.h"

namespace csm::sampling {

/// The noise of one sampling call, for one row of V logits: either the Exp(1)
/// values or the generator words that they are made of. Both give the same
/// codes; words cost a logarithm only where a value is read.
///
/// A view: the caller keeps the memory.
class NoiseRow {
 public:
  /// q  [V] Exp(1) values, >= 0
  static NoiseRow values(std::span<const float> q) {
    return NoiseRow(q.data(), nullptr, q.size());
  }
  /// words  [2 * V] words of TorchCpuGenerator in stream order
  static NoiseRow words(std::span<const std::uint32_t> words) {
    return NoiseRow(nullptr, words.data(), words.size() / 2);
  }

  [[nodiscard]] std::size_t size() const { return size_; }

  [[nodiscard]] float operator[](std::size_t idx) const {
    return values_ != nullptr ? values_[idx] : exponential_from_bits(bits(idx));
  }

  /// At most (1 + 2^-20) times the value, and cheap where there are words.
  [[nodiscard]] float lower_bound(std::size_t idx) const {
    return values_ != nullptr ? values_[idx]
                              : static_cast<float>(uniform53(bits(idx)));
  }

  /// True if any of the first n values is exactly 0 (one in 2^53 is).
  [[nodiscard]] bool has_zero(std::size_t n) const;

 private:
  NoiseRow(const float* values, const std::uint32_t* words, std::size_t size)
      : values_(values), words_(words), size_(size) {}

  [[nodiscard]] std::uint64_t bits(std::size_t idx) const {
    return (std::uint64_t{words_[2 * idx]} << 32U) | words_[2 * idx + 1];
  }

  const float* values_;         // [size_] or null
  const std::uint32_t* words_;  // [2 * size_] or null
  std::size_t size_;
};

}  // namespace csm::sampling
