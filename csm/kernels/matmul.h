#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <span>

#include "csm/kernels/affine_tiles.h"
#include "csm/kernels/isa.h"
#include "csm/kernels/parallel.h"
#include "csm/kernels/weight_view.h"

namespace csm::kernels {

/// One matrix product with its epilogue:
///   y[n][o] = residual[n][o] + scale[o] * (bias[o] + sum_i x[n][i] w[o][i])
/// Null epilogue pointers leave their operation out. Does not own anything.
///
/// Rows of x may overlap (x_stride < n_in), which makes a causal convolution a
/// matrix product over consecutive frames. y must not overlap x or w; y may be
/// the residual itself. No alignment is required.
///
/// With integer weights x enters as codes (input_codes.h) of the same type and
/// group, and n_in is a multiple of the group.
struct Matmul {
  const float* x = nullptr;  // n_rows rows of n_in
  std::int64_t x_stride = 0;
  const void* w = nullptr;  // float: [n_out, n_in], dense; integer: tiles
  WeightType type = WeightType::kFloat32;
  std::int64_t n_rows = 0;
  std::int64_t n_out = 0;
  std::int64_t n_in = 0;
  float* y = nullptr;  // n_rows rows of n_out
  std::int64_t y_stride = 0;
  const float* bias = nullptr;      // [n_out]
  const float* scale = nullptr;     // [n_out]
  const float* residual = nullptr;  // n_rows rows of n_out
  std::int64_t residual_stride = 0;
  GroupFormat format = {};           // of integer weights
  const std::byte* codes = nullptr;  // x for integer weights, not for others
};

/// Computes all of y. Allocates nothing.
///
/// Each thread takes a contiguous block of weight rows, hence one linear stream
/// of memory, or of x rows where these are many more.
///
/// Exact: bit-equal for every Isa, thread count, number of rows and blocking
/// (matmul_test.cpp). Each output is summed in 32 lanes: lane l adds the
/// products i = l, l+32, ... in order with fused multiply-adds (bfloat16 is
/// widened exactly); then lane l is added to lane l+16, l+8, l+4, l+2, l+1.
/// With integer weights the sum d of a group is exact, and groups are added in
/// order: y = fma(fma(scale, float(d), bias * code sum), input scale, y).
void matmul(const Matmul& m, ThreadPool* pool, Isa isa = kernel_isa());

/// Computes several products with the same number of rows in one parallel loop,
/// for example the projections of one input.
void matmul_all(std::span<const Matmul> ms, ThreadPool* pool,
                Isa isa = kernel_isa());

/// Multiply-adds of a product.
[[nodiscard]] inline std::int64_t work_of(const Matmul& m) {
  return m.n_rows * m.n_out * m.n_in;
}

/// Part `part` of the columns of y, cut where the layout of w allows.
[[nodiscard]] inline Range outs_part(const Matmul& m, int part, int n_parts) {
  if (!is_integer(m.type)) return part_of(m.n_out, part, n_parts);
  const Range tiles = part_of(affine_tile_count(m.n_out), part, n_parts);
  return {std::min(tiles.begin * kTileOutputs, m.n_out),
          std::min(tiles.end * kTileOutputs, m.n_out)};
}

/// Computes the columns `outs` of the given rows on the calling thread. With
/// integer weights outs begins at a multiple of 16 and ends at one or at n_out.
void matmul_block(const Matmul& m, Range outs, Range rows, Isa isa);

}  // namespace csm::kernels
