#pragma once

#include <cstddef>
#include <string_view>

#include "csm/kernels/linear_op.h"

namespace csm::kernels {

// Making integer matrices, at load. Threads: engine thread only.

/// True if a matrix with that many columns can be quantised in this format.
[[nodiscard]] bool fits_groups(GroupFormat format, int in);

/// Quantises a matrix into MLX's rows (affine.h), on the CPU, at once.
///
/// w       [out, in] float32 or bfloat16, finite
/// returns a matrix for composed operations; its scales are of the format
/// Throws: Error{kInvalidArgument} for another type, group or shape.
[[nodiscard]] Matrix quantize_matrix(const mx::array& w, WeightType type,
                                     GroupFormat format, ThreadPool* pool);

/// A matrix that MLX has quantised, without touching its values.
///
/// words    [out, in * bits / 32] uint32
/// scales   [out, in / group] float32, bfloat16 or float16
/// biases   the same
/// bits     4 or 8
/// group    32, 64 or 128
/// Throws: Error{kInvalidArgument} naming what does not fit.
[[nodiscard]] Matrix affine_matrix(const mx::array& words,
                                   const mx::array& scales,
                                   const mx::array& biases, int bits,
                                   int group);

/// Bytes of tile_matrix()'s memory.
[[nodiscard]] std::size_t tiled_bytes(const Matrix& rows);

/// Repacks MLX's rows into the tiles of our CPU kernels. No value changes:
/// scales and biases keep bfloat16 where they are that, else become float32.
///
/// memory  evaluated uint8 [tiled_bytes(rows)], best at a multiple of 64 bytes
/// Throws: Error{kInvalidArgument} if it is not that.
[[nodiscard]] Matrix tile_matrix(const Matrix& rows, mx::array memory);

/// Throws Error{kInvalidArgument} unless w is a consistent integer matrix of
/// that shape in the wanted layout.
void require_affine(std::string_view op, std::string_view name, const Matrix& w,
                    int out, int in, bool tiled);

}  // namespace csm::kernels
