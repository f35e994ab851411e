// Body of affine_product.cpp, compiled once per instruction set
// (for_each_dot_isa.inc).

inline Lanes load_16(const std::byte* p, float) {
  return load(static_cast<const float*>(static_cast<const void*>(p)));
}

inline Lanes load_16(const std::byte* p, Bf16) {
  return load(static_cast<const Bf16*>(static_cast<const void*>(p)));
}

inline Lanes with_epilogue(const Matmul& m, std::int64_t row, std::int64_t out,
                           Lanes sum) {
  if (m.bias != nullptr) sum = add(sum, load(m.bias + out));
  if (m.scale != nullptr) sum = mul(load(m.scale + out), sum);
  if (m.residual != nullptr) {
    sum = add(load(m.residual + row * m.residual_stride + out), sum);
  }
  return sum;
}

/// The same for the first n of 16 columns.
inline Lanes with_epilogue_first(const Matmul& m, std::int64_t row,
                                 std::int64_t out, int n, Lanes sum) {
  if (m.bias != nullptr) sum = add(sum, load_first(m.bias + out, n));
  if (m.scale != nullptr) sum = mul(load_first(m.scale + out, n), sum);
  if (m.residual != nullptr) {
    sum = add(load_first(m.residual + row * m.residual_stride + out, n), sum);
  }
  return sum;
}

inline void store_outs(const Matmul& m, std::int64_t row, std::int64_t out,
                       const Lanes& sum) {
  float* y = m.y + row * m.y_stride + out;
  if (m.n_out - out >= kLanes) {
    store(y, with_epilogue(m, row, out, sum));
  } else {
    const int n = static_cast<int>(m.n_out - out);
    store_first(y, with_epilogue_first(m, row, out, n, sum), n);
  }
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

  for (std::int64_t g = 0; g < n_groups; ++g) {
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
  for (unsigned r = 0; r < kRows; ++r) store_outs(m, row + r, out, sums[r]);
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

template <bool kInt4, class Scale>
inline void tiles_of(const Matmul& m, Range outs, Range rows) {
  const std::int64_t tile_bytes = affine_tile_bytes(m.type, m.format, m.n_in);
  const std::byte* tile = static_cast<const std::byte*>(m.w) +
                          outs.begin / kTileOutputs * tile_bytes;
  for (std::int64_t out = outs.begin; out < outs.end; out += kTileOutputs) {
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
