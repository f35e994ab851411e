#pragma once

#include <cstddef>
#include <cstdint>

#include "csm/kernels/affine.h"
#include "csm/kernels/weight_view.h"

namespace csm::kernels {

// The layout of integer weights for our CPU kernels. A matrix is a sequence of
// tiles of 16 rows; missing rows of the last tile are zero. A tile is a
// sequence of groups of `group` columns, and a group is
//   q        blocks of 64 bytes; byte 4r+j belongs to row r of the tile
//            8 bits: block b holds columns 4b..4b+3, byte j column 4b+j
//            4 bits: block b holds columns 8b..8b+7, byte j column 8b+j in its
//            lower and 8b+4+j in its upper half
//   scales   16 float32 or bfloat16
//   biases   16 of the same
// so that a thread reads its part of a matrix as one linear stream, and every
// piece begins at a multiple of 64 bytes if the matrix does. Repacking MLX's
// rows (affine.h) changes no value.

/// Rows of a tile.
inline constexpr std::int64_t kTileOutputs = 16;

/// Bytes of one tile with n_in columns.
[[nodiscard]] constexpr std::int64_t affine_tile_bytes(WeightType type,
                                                       GroupFormat format,
                                                       std::int64_t n_in) {
  const std::int64_t scale = format.scales == ScaleType::kFloat32 ? 4 : 2;
  const std::int64_t group_bytes =
      format.group * kTileOutputs * bits_of(type) / 8 +
      2 * kTileOutputs * scale;
  return n_in / format.group * group_bytes;
}

[[nodiscard]] constexpr std::int64_t affine_tile_count(std::int64_t n_out) {
  return (n_out + kTileOutputs - 1) / kTileOutputs;
}

/// Bytes of a whole matrix.
[[nodiscard]] constexpr std::size_t affine_tiles_bytes(WeightType type,
                                                       GroupFormat format,
                                                       std::int64_t n_out,
                                                       std::int64_t n_in) {
  return static_cast<std::size_t>(affine_tile_count(n_out) *
                                  affine_tile_bytes(type, format, n_in));
}

/// Repacks rows to tiles. Scales that the format narrows are rounded to
/// nearest, ties to even.
void pack_tiles(const AffineRows& rows, ScaleType scales, std::byte* tiles);

/// The reverse; scales and biases come as float32.
void unpack_tiles(const std::byte* tiles, WeightType type, GroupFormat format,
                  std::int64_t n_out, std::int64_t n_in, std::uint32_t* words,
                  float* scales, float* biases);

}  // namespace csm::kernels
