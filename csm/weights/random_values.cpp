#include "csm/weights/random_values.h"

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstring>

namespace csm::weights {
namespace {

constexpr std::uint64_t kGolden = 0x9E3779B97F4A7C15U;
constexpr std::size_t kPerWord = 4;  // values of 16 random bits each
constexpr std::size_t kChunk = 1UL << 16U;

// The finaliser of splitmix64 (Steele, Lea and Flood, 2014).
std::uint64_t mix(std::uint64_t x) {
  x = (x ^ (x >> 30U)) * 0xBF58476D1CE4E5B9U;
  x = (x ^ (x >> 27U)) * 0x94D049BB133111EBU;
  return x ^ (x >> 31U);
}

std::uint64_t hash_name(std::string_view name) {
  std::uint64_t hash = 0xCBF29CE484222325U;  // FNV-1a
  for (const char c : name) {
    hash = (hash ^ static_cast<unsigned char>(c)) * 0x100000001B3U;
  }
  return hash;
}

// The float32 bits of a value rounded to bfloat16.
std::uint32_t bfloat16_bits(float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  return (bits + 0x7FFFU + ((bits >> 16U) & 1U)) & 0xFFFF0000U;
}

/// Uniform between centre - reach and centre + reach.
struct Spread {
  float centre;
  float reach;
};

// Of a matrix whose outputs are sums of n_inputs products: variance gain^2 / n.
Spread matrix(double n_inputs, double gain = 1) {
  return {0.0F, static_cast<float>(gain * std::sqrt(3.0 / n_inputs))};
}

Spread spread_of(std::string_view name, std::span<const int> shape) {
  constexpr Spread kGain{1.0F, 0.1F};
  constexpr Spread kBias{0.0F, 0.01F};
  constexpr Spread kEmbedding{0.0F, 0.5F};
  constexpr double kHeadGain = 2;
  const auto in_columns = [&] { return static_cast<double>(shape.back()); };

  if (name.ends_with("_scale.scale")) return {0.1F, 0.05F};
  if (name.ends_with(".cluster_usage")) return {1.0F, 0.5F};
  if (name.ends_with(".embed_sum")) return kEmbedding;
  if (name.ends_with(".bias")) return kBias;
  if (shape.size() == 1) return kGain;
  if (name.ends_with("_emb")) return kEmbedding;
  if (name == "c0_head") return matrix(in_columns(), kHeadGain);
  // Stored [K-1, in, out].
  if (name == "audio_head") return matrix(shape[1], kHeadGain);
  if (shape.size() == 3) {
    // A convolution [out, in, k]. Transposed ones [in, out, 2 stride], which
    // sum two taps of every input, cannot be told apart by name; half their
    // channels in and many taps make up for each other within a factor of 2.
    return matrix(static_cast<double>(shape[1]) * shape[2]);
  }
  return matrix(in_columns());
}

}  // namespace

RandomValues::RandomValues(std::string_view canonical,
                           std::span<const int> shape, std::uint64_t seed)
    : key_(mix(hash_name(canonical) + kGolden * (seed + 1))), size_(1) {
  for (const int extent : shape) size_ *= static_cast<std::size_t>(extent);
  const Spread spread = spread_of(canonical, shape);
  constexpr float kSteps = 65535.0F;
  low_ = spread.centre - spread.reach;
  step_ = 2.0F * spread.reach / kSteps;
}

void RandomValues::write(std::size_t first, std::size_t n, Target target,
                         std::byte* out) const {
  const auto put = [&](std::uint64_t word, std::size_t idx) {
    const std::uint32_t bits = bfloat16_bits(
        low_ + step_ * static_cast<float>((word >> (16U * idx)) & 0xFFFFU));
    if (target == Target::kF32) {
      std::memcpy(out, &bits, sizeof(bits));
      out += sizeof(bits);
    } else {
      const auto half = static_cast<std::uint16_t>(bits >> 16U);
      std::memcpy(out, &half, sizeof(half));
      out += sizeof(half);
    }
  };
  // One word of the counter-based generator for each group of four indices.
  std::size_t group = first / kPerWord;
  std::size_t begin = first % kPerWord;
  for (std::size_t left = n; left > 0; ++group, begin = 0) {
    const std::uint64_t word = mix(key_ + kGolden * (group + 1));
    const std::size_t end = std::min(kPerWord, begin + left);
    left -= end - begin;
    for (std::size_t idx = begin; idx < end; ++idx) put(word, idx);
  }
}

void RandomValues::write_range(std::size_t first, std::size_t n, Target target,
                               std::byte* out, ThreadPool* pool) const {
  const std::size_t item = target == Target::kF32 ? 4 : 2;
  const auto write_chunk = [&](int chunk) {
    const std::size_t at = static_cast<std::size_t>(chunk) * kChunk;
    write(first + at, std::min(kChunk, n - at), target, out + at * item);
  };
  const int n_chunks = static_cast<int>((n + kChunk - 1) / kChunk);
  if (pool != nullptr && n_chunks > 1) {
    pool->run(n_chunks, write_chunk);
  } else {
    for (int chunk = 0; chunk < n_chunks; ++chunk) write_chunk(chunk);
  }
}

}  // namespace csm::weights
