#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

namespace csm::sampling {

/// PyTorch's CPU generator: MT19937 with torch's conventions.
///
/// The seed is reduced to its low 32 bits (torch ignores the high half on the
/// CPU; a negative Python seed is its two's complement). A 64-bit draw is two
/// words, high half first.
/// A value type: a copy continues the same stream on its own.
/// Threads: one thread at a time.
/// Exact: bit-exact with torch 2.9.1 CPU (csm/sampling/torch_rng_test.cpp).
/// Source: Matsumoto and Nishimura 1998, mt19937ar of 2002 (the generator).
class TorchCpuGenerator {
 public:
  explicit TorchCpuGenerator(std::uint64_t seed);

  /// The next tempered word.
  std::uint32_t next32();
  /// The next two words, the first one as the high half.
  std::uint64_t next64();

  /// Fills `out` with the next out.size() tempered words.
  void words(std::span<std::uint32_t> out);

  /// One `exponential_(1)` call of torch's default path: out.size() values
  /// of Exp(1), two words each, in memory order.
  void exponential(std::span<float> out);

  /// Drops the next `n_words` words; a block of 624 costs one state update.
  void skip(std::uint64_t n_words);

 private:
  static constexpr std::size_t kStateWords = 624;

  void advance_block();

  std::array<std::uint32_t, kStateWords> state_{};
  std::size_t position_ = kStateWords;  // next word of state_; 624: used up
};

/// torch's double uniform in [0, 1): the low 53 bits times 2^-53.
double uniform53(std::uint64_t bits);

/// torch's Exp(1) value of one 64-bit draw: float32(-log1p(-uniform53(bits))),
/// the logarithm in double. bits with 53 zero low bits give exactly 0.
float exponential_from_bits(std::uint64_t bits);

}  // namespace csm::sampling
