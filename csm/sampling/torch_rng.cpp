#include "csm/sampling/torch_rng.h"

#include <algorithm>
#include <cmath>

namespace csm::sampling {
namespace {

constexpr std::size_t kMiddle = 397;  // distance of the recurrence
constexpr std::uint32_t kMatrix = 0x9908B0DFU;
constexpr std::uint32_t kHighBit = 0x80000000U;
constexpr std::uint32_t kInitMultiplier = 1812433253U;
constexpr std::uint64_t kLow53 = (std::uint64_t{1} << 53U) - 1;
constexpr double kTwoToMinus53 = 0x1p-53;

std::uint32_t twist(std::uint32_t word, std::uint32_t next) {
  const std::uint32_t mixed = (word & kHighBit) | (next & ~kHighBit);
  return (mixed >> 1U) ^ ((0U - (next & 1U)) & kMatrix);
}

std::uint32_t temper(std::uint32_t word) {
  word ^= word >> 11U;
  word ^= (word << 7U) & 0x9D2C5680U;
  word ^= (word << 15U) & 0xEFC60000U;
  return word ^ (word >> 18U);
}

}  // namespace

TorchCpuGenerator::TorchCpuGenerator(std::uint64_t seed) {
  state_[0] = static_cast<std::uint32_t>(seed);
  for (std::uint32_t idx = 1; idx < kStateWords; ++idx) {
    const std::uint32_t previous = state_[idx - 1];
    state_[idx] = kInitMultiplier * (previous ^ (previous >> 30U)) + idx;
  }
}

void TorchCpuGenerator::advance_block() {
  constexpr std::size_t kSplit = kStateWords - kMiddle;
  auto& s = state_;
  // Two plain loops without modulo, so that both vectorise.
  for (std::size_t idx = 0; idx < kSplit; ++idx) {
    s[idx] = s[idx + kMiddle] ^ twist(s[idx], s[idx + 1]);
  }
  for (std::size_t idx = kSplit; idx + 1 < kStateWords; ++idx) {
    s[idx] = s[idx - kSplit] ^ twist(s[idx], s[idx + 1]);
  }
  s[kStateWords - 1] = s[kMiddle - 1] ^ twist(s[kStateWords - 1], s[0]);
  position_ = 0;
}

std::uint32_t TorchCpuGenerator::next32() {
  if (position_ == kStateWords) advance_block();
  return temper(state_[position_++]);
}

std::uint64_t TorchCpuGenerator::next64() {
  const std::uint64_t high = next32();
  return (high << 32U) | next32();
}

void TorchCpuGenerator::words(std::span<std::uint32_t> out) {
  while (!out.empty()) {
    if (position_ == kStateWords) advance_block();
    const std::size_t n = std::min(out.size(), kStateWords - position_);
    for (std::size_t idx = 0; idx < n; ++idx) {
      out[idx] = temper(state_[position_ + idx]);
    }
    position_ += n;
    out = out.subspan(n);
  }
}

void TorchCpuGenerator::exponential(std::span<float> out) {
  for (float& value : out) value = exponential_from_bits(next64());
}

void TorchCpuGenerator::skip(std::uint64_t n_words) {
  while (n_words > 0) {
    if (position_ == kStateWords) advance_block();
    const std::uint64_t left = kStateWords - position_;
    const std::uint64_t n = std::min(n_words, left);
    position_ += static_cast<std::size_t>(n);
    n_words -= n;
  }
}

double uniform53(std::uint64_t bits) {
  return static_cast<double>(bits & kLow53) * kTwoToMinus53;
}

float exponential_from_bits(std::uint64_t bits) {
  // torch: -1 / lambda * log1p(-u) in double for every dtype, then one
  // rounding. std::log1p is the library function that torch calls as well.
  return static_cast<float>(-std::log1p(-uniform53(bits)));
}

}  // namespace csm::sampling
