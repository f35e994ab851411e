// Body of matmul.cpp, compiled once per instruction set (for_each_isa.inc).

inline void finish(const Matmul& m, std::int64_t row, std::int64_t out,
                   float sum) {
  if (m.bias != nullptr) sum = sum + m.bias[out];
  if (m.scale != nullptr) sum = m.scale[out] * sum;
  if (m.residual != nullptr) {
    sum = m.residual[row * m.residual_stride + out] + sum;
  }
  m.y[row * m.y_stride + out] = sum;
}

/// Adds the products of elements [i, n_in), fewer than 16.
template <unsigned kRows, class W>
inline void lane_tail(const float* x, std::int64_t x_stride, const W* w,
                      std::int64_t i, std::int64_t n_in, Lanes* sums) {
  const int n = static_cast<int>(n_in - i);
  if (n <= 0) return;
  const Lanes w_tail = load_first(w + i, n);
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    sums[r] = fma(load_first(x + r * x_stride + i, n), w_tail, sums[r]);
  }
}

/// One weight row with kRows rows of x, both lane halves at once: reads the
/// weights as one linear stream.
template <unsigned kRows, class W>
inline void stream_row(const Matmul& m, const W* w, std::int64_t row,
                       std::int64_t out) {
  const float* x = m.x + row * m.x_stride;
  Lanes lower[kRows];
  Lanes upper[kRows];
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) lower[r] = upper[r] = zero();

  std::int64_t i = 0;
  for (; i + 2 * kLanes <= m.n_in; i += 2 * kLanes) {
    const Lanes w_lower = load(w + i);
    const Lanes w_upper = load(w + i + kLanes);
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      const float* x_row = x + r * m.x_stride + i;
      lower[r] = fma(load(x_row), w_lower, lower[r]);
      upper[r] = fma(load(x_row + kLanes), w_upper, upper[r]);
    }
  }
  if (i + kLanes <= m.n_in) {
    const Lanes w_lower = load(w + i);
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      lower[r] = fma(load(x + r * m.x_stride + i), w_lower, lower[r]);
    }
    i += kLanes;
    lane_tail<kRows>(x, m.x_stride, w, i, m.n_in, upper);
  } else {
    lane_tail<kRows>(x, m.x_stride, w, i, m.n_in, lower);
  }
  for (unsigned r = 0; r < kRows; ++r) {
    finish(m, row + r, out, reduce_add(add(lower[r], upper[r])));
  }
}

/// kOuts weight rows with kRows rows of x, one lane half: each loaded vector is
/// used several times. `first` is 0 for the lower and 16 for the upper lanes.
template <unsigned kOuts, unsigned kRows, class W>
inline void tile_half(const Matmul& m, const float* x, const W* w,
                      std::int64_t first, Lanes (&sums)[kOuts][kRows]) {
  Lanes acc[kOuts][kRows];
  CSM_UNROLL
  for (unsigned o = 0; o < kOuts; ++o) {
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) acc[o][r] = zero();
  }
  std::int64_t i = first;
  for (; i + kLanes <= m.n_in; i += 2 * kLanes) {
    Lanes x_rows[kRows];
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r)
      x_rows[r] = load(x + r * m.x_stride + i);
    CSM_UNROLL
    for (unsigned o = 0; o < kOuts; ++o) {
      const Lanes w_row = load(w + o * m.n_in + i);
      CSM_UNROLL
      for (unsigned r = 0; r < kRows; ++r) {
        acc[o][r] = fma(x_rows[r], w_row, acc[o][r]);
      }
    }
  }
  CSM_UNROLL
  for (unsigned o = 0; o < kOuts; ++o) {
    lane_tail<kRows>(x, m.x_stride, w + o * m.n_in, i, m.n_in, acc[o]);
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) sums[o][r] = acc[o][r];
  }
}

template <unsigned kOuts, unsigned kRows, class W>
inline void tile(const Matmul& m, std::int64_t row, std::int64_t out) {
  const float* x = m.x + row * m.x_stride;
  const W* w = static_cast<const W*>(m.w) + out * m.n_in;
  Lanes lower[kOuts][kRows];
  Lanes upper[kOuts][kRows];
  tile_half<kOuts, kRows, W>(m, x, w, 0, lower);
  tile_half<kOuts, kRows, W>(m, x, w, kLanes, upper);
  for (unsigned o = 0; o < kOuts; ++o) {
    for (unsigned r = 0; r < kRows; ++r) {
      finish(m, row + r, out + o, reduce_add(add(lower[o][r], upper[o][r])));
    }
  }
}

/// All rows of one group of kOuts weight rows.
template <unsigned kOuts, class W>
inline void tile_rows(const Matmul& m, Range rows, std::int64_t out) {
  std::int64_t row = rows.begin;
  for (; row + kTileRows <= rows.end; row += kTileRows) {
    tile<kOuts, kTileRows, W>(m, row, out);
  }
  if (row + kTileRows / 2 <= rows.end && kTileRows / 2 > 1) {
    tile<kOuts, kTileRows / 2, W>(m, row, out);
    row += kTileRows / 2;
  }
  for (; row < rows.end; ++row) tile<kOuts, 1, W>(m, row, out);
}

template <class W>
inline void tile_block(const Matmul& m, Range outs, Range rows) {
  std::int64_t out = outs.begin;
  for (; out + kTileOuts <= outs.end; out += kTileOuts) {
    tile_rows<kTileOuts, W>(m, rows, out);
  }
  for (; out < outs.end; ++out) tile_rows<1, W>(m, rows, out);
}

/// As stream_row for n <= kRows rows.
template <unsigned kRows, class W>
inline void stream_rows(const Matmul& m, const W* w, std::int64_t row,
                        std::int64_t n, std::int64_t out) {
  if (n == kRows) {
    stream_row<kRows, W>(m, w, row, out);
  } else if constexpr (kRows > 1) {
    stream_rows<kRows - 1, W>(m, w, row, n, out);
  }
}

template <class W>
inline void stream_block(const Matmul& m, Range outs, Range rows) {
  const W* w = static_cast<const W*>(m.w) + outs.begin * m.n_in;
  for (std::int64_t out = outs.begin; out < outs.end; ++out, w += m.n_in) {
    stream_rows<kStreamRows, W>(m, w, rows.begin, rows.size(), out);
  }
}

template <class W>
inline void block(const Matmul& m, Range outs, Range rows) {
  if (rows.size() <= kStreamRows) {
    stream_block<W>(m, outs, rows);
  } else {
    tile_block<W>(m, outs, rows);
  }
}

inline void matmul_block(const Matmul& m, Range outs, Range rows) {
  if (m.type == WeightType::kFloat32) {
    block<float>(m, outs, rows);
  } else {
    block<Bf16>(m, outs, rows);
  }
}
