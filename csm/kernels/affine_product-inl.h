// Body of affine_product.cpp, compiled once per instruction set
// (for_each_dot_isa.inc).

#include "csm/kernels/epilogue-inl.h"

inline Lanes load_16(const std::byte* p, float) {
  return load(static_cast<const float*>(static_cast<const void*>(p)));
}

inline Lanes load_16(const std::byte* p, Bf16) {
  return load(static_cast<const Bf16*>(static_cast<const void*>(p)));
}

/// One tile with kRows rows of codes.
template <bool kInt4, unsigned kRows, class Scale>
inline void tile_product(const Matmul& m, const std::byte* tile,
                         std::int64_t row, std::int64_t out) {
  constexpr int kBytes = kInt4 ? kCodeBytes4 : 2;
  const int group = m.format.group;
  const std::int64_t n_groups = m.n_in / group;
  const std::int64_t stride = code_stride(m.n_in, group);
  const std::byte* codes = m.codes + row * stride;
  const std::byte* scales = codes + kBytes * m.n_in;
  Lanes sums[kRows];
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) sums[r] = zero();

  const std::int64_t group_bytes = affine_tile_bytes(m.type, m.format, group);
  for (std::int64_t g = 0; g < n_groups; ++g) {
    fetch_once(tile + kFetchAhead, group_bytes);
    IntLanes dots[kRows];
    if constexpr (kInt4) {
      dot_group4<kRows>(tile, codes, stride, group, dots);
    } else {
      dot_group8<kRows>(tile, codes, stride, group, dots);
    }
    tile += group * (kInt4 ? 8 : 16);
    codes += group * kBytes;
    const Lanes scale = load_16(tile, Scale{});
    const Lanes bias = load_16(tile + 16 * sizeof(Scale), Scale{});
    tile += 32 * sizeof(Scale);
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      float input[2];  // scale, sum of codes
      __builtin_memcpy(input, scales + r * stride + 8 * g, 8);
      const Lanes product =
          fma(scale, to_float(dots[r]), mul(bias, splat(input[1])));
      sums[r] = fma(product, splat(input[0]), sums[r]);
    }
  }
  for (unsigned r = 0; r < kRows; ++r)
    store_outs(m, row + r, out, m.n_out - out, sums[r]);
}

/// Two tiles, tile_bytes apart, with kRows rows of codes.
template <bool kInt4, unsigned kRows, class Scale>
inline void pair_product(const Matmul& m, const std::byte* tile,
                         std::int64_t tile_bytes, std::int64_t row,
                         std::int64_t out) {
  constexpr int kBytes = kInt4 ? kCodeBytes4 : 2;
  const int group = m.format.group;
  const std::int64_t n_groups = m.n_in / group;
  const std::int64_t stride = code_stride(m.n_in, group);
  const std::byte* codes = m.codes + row * stride;
  const std::byte* scales = codes + kBytes * m.n_in;
  Lanes sums[2][kRows];
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) sums[0][r] = sums[1][r] = zero();

  for (std::int64_t g = 0; g < n_groups; ++g) {
    IntLanes dots[2][kRows];
    const std::byte* const tiles[2] = {tile, tile + tile_bytes};
    if constexpr (kInt4) {
      dot_pair4<kRows>(tiles, codes, stride, group, dots);
    } else {
      dot_pair8<kRows>(tiles, codes, stride, group, dots);
    }
    tile += group * (kInt4 ? 8 : 16);
    codes += group * kBytes;
    CSM_UNROLL
    for (unsigned t = 0; t < 2; ++t) {
      const std::byte* at = tile + t * tile_bytes;
      const Lanes scale = load_16(at, Scale{});
      const Lanes bias = load_16(at + 16 * sizeof(Scale), Scale{});
      CSM_UNROLL
      for (unsigned r = 0; r < kRows; ++r) {
        float input[2];  // scale, sum of codes
        __builtin_memcpy(input, scales + r * stride + 8 * g, 8);
        const Lanes product =
            fma(scale, to_float(dots[t][r]), mul(bias, splat(input[1])));
        sums[t][r] = fma(product, splat(input[0]), sums[t][r]);
      }
    }
    tile += 32 * sizeof(Scale);
  }
  for (unsigned r = 0; r < kRows; ++r) {
    store_outs(m, row + r, out, kLanes, sums[0][r]);
    store_outs(m, row + r, out + kLanes, m.n_out - out - kLanes, sums[1][r]);
  }
}

/// One tile with all rows, kRows at once as long as there are so many.
template <bool kInt4, unsigned kRows, class Scale>
inline void tile_all_rows(const Matmul& m, const std::byte* tile, Range rows,
                          std::int64_t out) {
  std::int64_t row = rows.begin;
  for (; row + kRows <= rows.end; row += kRows) {
    tile_product<kInt4, kRows, Scale>(m, tile, row, out);
  }
  if constexpr (kRows > 1) {
    if (row < rows.end) {
      tile_all_rows<kInt4, kRows / 2, Scale>(m, tile, Range{row, rows.end},
                                             out);
    }
  }
}

/// From so many rows on, arithmetic is what takes the time, not the reading of
/// tiles, and two tiles at once share the spreading of codes.
inline constexpr std::int64_t kManyRows = 16;

/// Asks for part `rows` of n_rows of the n_bytes at p, which are needed next:
/// they come from memory while other weights are multiplied.
CSM_INLINE void fetch_part(const std::byte* p, std::int64_t n_bytes, Range rows,
                           std::int64_t n_rows) {
  const std::int64_t end = n_bytes * rows.end / n_rows;
  const std::int64_t begin = n_bytes * rows.begin / n_rows / 64 * 64;
  fetch<2>(p + begin, end - begin);
}

/// Pairs of tiles with all rows, as far as there are pairs of tiles and whole
/// sets of rows; what is left of the rows goes tile by tile.
template <bool kInt4, class Scale>
CSM_NOINLINE std::int64_t pairs_of(const Matmul& m, const std::byte* tile,
                                   std::int64_t tile_bytes, Range outs,
                                   Range rows) {
  constexpr unsigned kRows = kInt4 ? kPairRows : kPairRows / 2;
  constexpr std::int64_t kPairOuts = 2 * kTileOutputs;
  std::int64_t out = outs.begin;
  for (; out + kTileOutputs < outs.end; out += kPairOuts) {
    const std::byte* next = tile + 2 * tile_bytes;
    const bool more = out + kPairOuts + kTileOutputs < m.n_out;
    std::int64_t row = rows.begin;
    for (; row + kRows <= rows.end; row += kRows) {
      const std::int64_t done = row - rows.begin;
      if (more) {
        fetch_part(next, 2 * tile_bytes, {done, done + kRows}, rows.size());
      }
      pair_product<kInt4, kRows, Scale>(m, tile, tile_bytes, row, out);
    }
    const Range left{row, rows.end};
    tile_all_rows<kInt4, kRows / 2, Scale>(m, tile, left, out);
    tile_all_rows<kInt4, kRows / 2, Scale>(m, tile + tile_bytes, left,
                                           out + kTileOutputs);
    tile = next;
  }
  return out;
}

template <bool kInt4, class Scale>
inline void tiles_of(const Matmul& m, Range outs, Range rows) {
  const std::int64_t tile_bytes = affine_tile_bytes(m.type, m.format, m.n_in);
  const std::byte* tile = static_cast<const std::byte*>(m.w) +
                          outs.begin / kTileOutputs * tile_bytes;
  std::int64_t out = outs.begin;
  if constexpr (kPairRows > 0) {
    if (rows.size() >= kManyRows) {
      out = pairs_of<kInt4, Scale>(m, tile, tile_bytes, outs, rows);
      tile += (out - outs.begin) / kTileOutputs * tile_bytes;
    }
  }
  for (; out < outs.end; out += kTileOutputs) {
    tile_all_rows<kInt4, kDotRows, Scale>(m, tile, rows, out);
    tile += tile_bytes;
  }
}

inline void tiles_block(const Matmul& m, Range outs, Range rows) {
  const bool half = m.format.scales == ScaleType::kBfloat16;
  if (m.type == WeightType::kInt4) {
    half ? tiles_of<true, Bf16>(m, outs, rows)
         : tiles_of<true, float>(m, outs, rows);
  } else {
    half ? tiles_of<false, Bf16>(m, outs, rows)
         : tiles_of<false, float>(m, outs, rows);
  }
}
