// Body of matmul.cpp, compiled once per instruction set (for_each_isa.inc).

#include "csm/kernels/epilogue-inl.h"

/// Adds the products of elements [i, end), fewer than 16 or none.
template <unsigned kRows, class W>
inline void lane_tail(const float* x, std::int64_t x_stride, const W* w,
                      std::int64_t i, std::int64_t end, Lanes* sums) {
  const int n = static_cast<int>(end - i);
  if (n <= 0) return;
  const Lanes w_tail = load_first(w + i, n);
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    sums[r] = fma(load_first(x + r * x_stride + i, n), w_tail, sums[r]);
  }
}

#include "csm/kernels/matmul_streams-inl.h"
#include "csm/kernels/matmul_tiles-inl.h"

template <class W>
inline void block(const Matmul& m, Range outs, Range rows) {
  // The tile loads less for each product, but goes through the columns piece by
  // piece.
  if (rows.size() > kStreamRows) {
    tile_block<W>(m, outs, rows);
  } else if (rows.size() > 0) {
    stream_block<kStreamRows, W>(m, outs, rows);
  }
}

inline void matmul_block(const Matmul& m, Range outs, Range rows) {
  if (m.type == WeightType::kFloat32) {
    block<float>(m, outs, rows);
  } else {
    block<Bf16>(m, outs, rows);
  }
}
