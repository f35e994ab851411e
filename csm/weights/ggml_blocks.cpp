#include "csm/weights/ggml_blocks.h"

#include <array>
#include <bit>
#include <cstring>

#include "csm/base/check.h"
#include "csm/weights/float16.h"

namespace csm::weights {
namespace {

constexpr std::size_t kGroup = 32;
constexpr std::size_t kSuper = 256;  // values of a block with sub-blocks
constexpr std::size_t kGroups = kSuper / kGroup;

using Codes = std::array<std::uint8_t, kSuper>;

std::uint8_t byte_at(const std::byte* from, std::size_t index) {
  return std::to_integer<std::uint8_t>(from[index]);
}

float half_at(const std::byte* from) {
  std::uint16_t bits = 0;
  std::memcpy(&bits, from, sizeof bits);
  return std::bit_cast<float>(widen_f16(bits));
}

// n bytes of two nibbles to 2 n codes: first the lower ones, then the upper.
void unpack_nibbles(const std::byte* from, std::size_t n, std::uint8_t* codes) {
  for (std::size_t i = 0; i < n; ++i) {
    const std::uint8_t byte = byte_at(from, i);
    codes[i] = byte & 0x0FU;
    codes[n + i] = byte >> 4U;
  }
}

// Blocks as unsigned codes in groups of 32, where every group has a scale and
//   value = scale * (code - kZero)        if kZero > 0
//   value = scale * code - minimum        otherwise.

// What Q4_0 and Q8_0 share: one group.
struct CenteredBlock {
  static constexpr std::size_t kGroups = 1;

  explicit CenteredBlock(const std::byte* from) : scales{half_at(from)} {}
  std::array<float, kGroups> scales;
  std::array<float, kGroups> minima{};
  std::array<std::uint8_t, kGroup> codes;
};

struct Q4_0Block : CenteredBlock {
  static constexpr int kBits = 4;
  static constexpr float kZero = 8;

  explicit Q4_0Block(const std::byte* from) : CenteredBlock(from) {
    unpack_nibbles(from + 2, kGroup / 2, codes.data());
  }
};

struct Q8_0Block : CenteredBlock {
  static constexpr int kBits = 8;
  static constexpr float kZero = 128;

  explicit Q8_0Block(const std::byte* from) : CenteredBlock(from) {
    for (std::size_t i = 0; i < kGroup; ++i) {
      codes[i] = byte_at(from + 2, i) ^ 0x80U;
    }
  }
};

// What Q4_K and Q5_K share: d, dmin and 12 bytes of eight pairs of 6 bits.
struct ScaledBlock {
  static constexpr std::size_t kGroups = weights::kGroups;
  static constexpr float kZero = 0;
  static constexpr std::size_t kHeadBytes = 16;

  explicit ScaledBlock(const std::byte* from) {
    const float d = half_at(from);
    const float dmin = half_at(from + 2);
    const std::byte* packed = from + 4;
    for (std::size_t i = 0; i < 4; ++i) {
      const std::uint8_t scale = byte_at(packed, i);
      const std::uint8_t minimum = byte_at(packed, 4 + i);
      const std::uint8_t low = byte_at(packed, 8 + i);
      scales[i] = d * static_cast<float>(scale & 0x3FU);
      minima[i] = dmin * static_cast<float>(minimum & 0x3FU);
      scales[4 + i] =
          d * static_cast<float>((low & 0x0FU) | ((scale >> 2U) & 0x30U));
      minima[4 + i] =
          dmin * static_cast<float>((low >> 4U) | ((minimum >> 2U) & 0x30U));
    }
  }
  std::array<float, kGroups> scales;
  std::array<float, kGroups> minima;
  Codes codes;
};

struct Q4KBlock : ScaledBlock {
  static constexpr int kBits = 4;

  explicit Q4KBlock(const std::byte* from) : ScaledBlock(from) {
    for (std::size_t i = 0; i < kSuper; i += 2 * kGroup) {
      unpack_nibbles(from + kHeadBytes + i / 2, kGroup, &codes[i]);
    }
  }
};

struct Q5KBlock : ScaledBlock {
  static constexpr int kBits = 8;

  explicit Q5KBlock(const std::byte* from) : ScaledBlock(from) {
    const std::byte* high = from + kHeadBytes;
    const std::byte* low = high + kGroup;
    for (std::size_t i = 0; i < kSuper; i += 2 * kGroup) {
      unpack_nibbles(low + i / 2, kGroup, &codes[i]);
    }
    // Bit g of the high byte i belongs to value i of group g.
    for (std::size_t i = 0; i < kSuper; ++i) {
      const unsigned byte = byte_at(high, i % kGroup);
      const unsigned bit = (byte >> (i / kGroup)) & 1U;
      codes[i] = static_cast<std::uint8_t>(codes[i] | (bit << 4U));
    }
  }
};

// With the signs of zeros that PyPI gguf gives.
template <class Block>
void dequantize(const std::byte* from, float* out) {
  const Block block(from);
  for (std::size_t i = 0; i < block.codes.size(); ++i) {
    const std::size_t group = i / kGroup;
    const float q = static_cast<float>(block.codes[i]) - Block::kZero;
    const float scaled = block.scales[group] * q;
    out[i] = Block::kZero > 0 ? scaled : scaled - block.minima[group];
  }
}

void dequantize_q6(const std::byte* from, float* out) {
  constexpr std::size_t kHalf = kSuper / 2;
  constexpr std::size_t kSub = 16;
  const std::byte* high = from + kHalf;
  const std::byte* scales = high + kSuper / 4;
  const float d = half_at(scales + kSuper / kSub);
  Codes codes;
  for (std::size_t i = 0; i < kSuper; i += kHalf) {
    unpack_nibbles(from + i / 2, kHalf / 2, &codes[i]);
  }
  for (std::size_t i = 0; i < kSuper; ++i) {
    // Each half has 32 bytes of four pairs of bits, one for each 32 values.
    const std::size_t half = i / kHalf;
    const std::size_t pair = i % kHalf / kGroup;
    const unsigned byte = byte_at(high, half * kGroup + i % kGroup);
    const unsigned bits = (byte >> (2 * pair)) & 3U;
    const auto scale =
        static_cast<float>(static_cast<std::int8_t>(byte_at(scales, i / kSub)));
    const int q = static_cast<int>(codes[i] | (bits << 4U)) - 32;
    out[i] = d * scale * static_cast<float>(q);
  }
}

template <class Block>
void to_affine(const std::byte* from, std::uint32_t* words, float* scales,
               float* biases) {
  constexpr auto kBits = static_cast<unsigned>(Block::kBits);
  constexpr std::size_t kPerWord = 32 / kBits;
  const Block block(from);
  for (std::size_t i = 0; i < block.codes.size(); i += kPerWord) {
    std::uint32_t word = 0;
    for (std::size_t j = 0; j < kPerWord; ++j) {
      word |= static_cast<std::uint32_t>(block.codes[i + j]) << (j * kBits);
    }
    words[i / kPerWord] = word;
  }
  for (std::size_t i = 0; i < Block::kGroups; ++i) {
    scales[i] = block.scales[i];
    biases[i] =
        Block::kZero > 0 ? -Block::kZero * block.scales[i] : -block.minima[i];
  }
}

using Dequantize = void (*)(const std::byte*, float*);
using ToAffine = void (*)(const std::byte*, std::uint32_t*, float*, float*);

Dequantize dequantizer(Dtype dtype) {
  switch (dtype) {
    case Dtype::kQ4_0:
      return dequantize<Q4_0Block>;
    case Dtype::kQ8_0:
      return dequantize<Q8_0Block>;
    case Dtype::kQ4K:
      return dequantize<Q4KBlock>;
    case Dtype::kQ5K:
      return dequantize<Q5KBlock>;
    case Dtype::kQ6K:
      return dequantize_q6;
    default:
      return nullptr;
  }
}

struct AffineWay {
  int bits = 0;
  ToAffine convert = nullptr;
};

AffineWay affine_way(Dtype dtype) {
  switch (dtype) {
    case Dtype::kQ4_0:
      return {Q4_0Block::kBits, to_affine<Q4_0Block>};
    case Dtype::kQ8_0:
      return {Q8_0Block::kBits, to_affine<Q8_0Block>};
    case Dtype::kQ4K:
      return {Q4KBlock::kBits, to_affine<Q4KBlock>};
    case Dtype::kQ5K:
      return {Q5KBlock::kBits, to_affine<Q5KBlock>};
    default:
      return {};
  }
}

}  // namespace

void dequantize_blocks(Dtype dtype, std::span<const std::byte> blocks,
                       float* out) {
  const Dequantize convert = dequantizer(dtype);
  CSM_CHECK(convert != nullptr, to_string(dtype));
  const std::size_t bytes = block_bytes(dtype);
  CSM_CHECK(blocks.size() % bytes == 0, blocks.size());
  for (std::size_t i = 0; i < blocks.size(); i += bytes) {
    convert(blocks.data() + i, out);
    out += block_values(dtype);
  }
}

std::optional<AffineForm> affine_form_of(Dtype dtype) {
  const AffineWay way = affine_way(dtype);
  if (way.convert == nullptr) return std::nullopt;
  return AffineForm{.bits = way.bits, .group = static_cast<int>(kGroup)};
}

void blocks_to_affine(Dtype dtype, std::span<const std::byte> blocks,
                      std::uint32_t* words, float* scales, float* biases) {
  const AffineWay way = affine_way(dtype);
  CSM_CHECK(way.convert != nullptr, to_string(dtype));
  const std::size_t bytes = block_bytes(dtype);
  CSM_CHECK(blocks.size() % bytes == 0, blocks.size());
  const std::size_t values = block_values(dtype);
  for (std::size_t i = 0; i < blocks.size(); i += bytes) {
    way.convert(blocks.data() + i, words, scales, biases);
    words += values * static_cast<std::size_t>(way.bits) / 32;
    scales += values / kGroup;
    biases += values / kGroup;
  }
}

}  // namespace csm::weights
