#include "csm/kernels/affine_tiles.h"

#include <algorithm>
#include <bit>
#include <cstring>

namespace csm::kernels {
namespace {

/// Four columns in the lower halves of 4 bytes, from 16 bits.
std::uint32_t spread(std::uint32_t x) {
  x = (x | (x << 8U)) & 0x00FF00FFU;
  return (x | (x << 4U)) & 0x0F0F0F0FU;
}

std::uint32_t unspread(std::uint32_t x) {
  x = (x | (x >> 4U)) & 0x00FF00FFU;
  return (x | (x >> 8U)) & 0x0000FFFFU;
}

/// One row's four bytes of a block from a word of MLX's, and back.
std::uint32_t to_block(std::uint32_t word, WeightType type) {
  if (type == WeightType::kInt8) return word;
  return spread(word & 0xFFFFU) | (spread(word >> 16U) << 4U);
}

std::uint32_t from_block(std::uint32_t bytes, WeightType type) {
  if (type == WeightType::kInt8) return bytes;
  return unspread(bytes & 0x0F0F0F0FU) |
         (unspread((bytes >> 4U) & 0x0F0F0F0FU) << 16U);
}

void store_scale(std::byte* to, std::int64_t index, float value,
                 ScaleType type) {
  if (type == ScaleType::kFloat32) {
    std::memcpy(to + 4 * index, &value, 4);
  } else {
    const std::uint16_t bits = bf16_bits(value);
    std::memcpy(to + 2 * index, &bits, 2);
  }
}

float load_scale(const std::byte* from, std::int64_t index, ScaleType type) {
  if (type == ScaleType::kFloat32) {
    float value;
    std::memcpy(&value, from + 4 * index, 4);
    return value;
  }
  std::uint16_t bits;
  std::memcpy(&bits, from + 2 * index, 2);
  return std::bit_cast<float>(static_cast<std::uint32_t>(bits) << 16U);
}

/// Where the pieces of a group of a tile lie, relative to it.
struct GroupLayout {
  GroupLayout(WeightType weight_type, GroupFormat format)
      : type(weight_type),
        scale_type(format.scales),
        words(format.group * bits_of(weight_type) / 32),
        scales(words * 64),
        biases(scales + kTileOutputs * scale_bytes()),
        bytes(biases + kTileOutputs * scale_bytes()) {}

  [[nodiscard]] std::int64_t scale_bytes() const {
    return scale_type == ScaleType::kFloat32 ? 4 : 2;
  }

  WeightType type;
  ScaleType scale_type;
  std::int64_t words;  // of one row
  std::int64_t scales;
  std::int64_t biases;
  std::int64_t bytes;
};

}  // namespace

void pack_tiles(const AffineRows& rows, ScaleType scales, std::byte* tiles) {
  const GroupLayout layout(rows.type, {rows.group, scales});
  const std::int64_t n_groups = rows.n_in / rows.group;
  const std::int64_t n_padded = affine_tile_count(rows.n_out) * kTileOutputs;
  if (n_padded != rows.n_out) {
    std::byte* last =
        tiles + (n_padded / kTileOutputs - 1) * n_groups * layout.bytes;
    std::memset(last, 0, static_cast<std::size_t>(n_groups * layout.bytes));
  }
  for (std::int64_t o = 0; o < rows.n_out; ++o) {
    const std::int64_t r = o % kTileOutputs;
    for (std::int64_t g = 0; g < n_groups; ++g) {
      std::byte* to = tiles + (o / kTileOutputs * n_groups + g) * layout.bytes;
      const std::int64_t at = o * n_groups + g;
      for (std::int64_t word = 0; word < layout.words; ++word) {
        const std::uint32_t bytes =
            to_block(rows.words[at * layout.words + word], rows.type);
        std::memcpy(to + 64 * word + 4 * r, &bytes, 4);
      }
      store_scale(to + layout.scales, r, rows.scales[at], scales);
      store_scale(to + layout.biases, r, rows.biases[at], scales);
    }
  }
}

void unpack_tiles(const std::byte* tiles, WeightType type, GroupFormat format,
                  std::int64_t n_out, std::int64_t n_in, std::uint32_t* words,
                  float* scales, float* biases) {
  const GroupLayout layout(type, format);
  const std::int64_t n_groups = n_in / format.group;
  for (std::int64_t o = 0; o < n_out; ++o) {
    const std::int64_t r = o % kTileOutputs;
    for (std::int64_t g = 0; g < n_groups; ++g) {
      const std::byte* from =
          tiles + (o / kTileOutputs * n_groups + g) * layout.bytes;
      const std::int64_t at = o * n_groups + g;
      for (std::int64_t word = 0; word < layout.words; ++word) {
        std::uint32_t bytes;
        std::memcpy(&bytes, from + 64 * word + 4 * r, 4);
        words[at * layout.words + word] = from_block(bytes, type);
      }
      scales[at] = load_scale(from + layout.scales, r, format.scales);
      biases[at] = load_scale(from + layout.biases, r, format.scales);
    }
  }
}

}  // namespace csm::kernels
