// Products of few rows, part of matmul-inl.h: weights are read once, as
// streams.

/// Running sums of one weight row with kRows rows of x, both lane halves.
template <unsigned kRows>
struct RowSums {
  Lanes lower[kRows];
  Lanes upper[kRows];
};

template <unsigned kRows>
inline void clear(RowSums<kRows>& sums) {
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) sums.lower[r] = sums.upper[r] = zero();
}

/// Adds the columns behind the last multiple of 32.
template <unsigned kRows, class W>
inline void add_last_columns(const Matmul& m, const W* w, std::int64_t row,
                             RowSums<kRows>& sums) {
  const float* x = m.x + row * m.x_stride;
  std::int64_t i = m.n_in / (2 * kLanes) * (2 * kLanes);
  if (i + kLanes <= m.n_in) {
    const Lanes w_lower = load(w + i);
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      sums.lower[r] = fma(load(x + r * m.x_stride + i), w_lower, sums.lower[r]);
    }
    i += kLanes;
    lane_tail<kRows>(x, m.x_stride, w, i, m.n_in, sums.upper);
  } else {
    lane_tail<kRows>(x, m.x_stride, w, i, m.n_in, sums.lower);
  }
}

/// Sums, in lanes, of 16 outputs for kRows rows of x.
template <unsigned kRows>
struct OutSums {
  Lanes each[kRows][kLanes];
};

/// kOuts weight rows, `apart` from each other, with kRows rows of x; place `at`
/// of their sums.
template <unsigned kOuts, unsigned kRows, class W>
inline void stream_outs(const Matmul& m, std::int64_t row, const W* w,
                        std::int64_t apart, std::int64_t at,
                        OutSums<kRows> (&to)[kOuts]) {
  constexpr auto kAhead =
      static_cast<std::int64_t>(kFetchAhead / kOuts / sizeof(W));
  const float* x = m.x + row * m.x_stride;
  RowSums<kRows> sums[kOuts];
  CSM_UNROLL
  for (unsigned o = 0; o < kOuts; ++o) clear(sums[o]);
  const std::int64_t n_columns = m.n_in / (2 * kLanes) * (2 * kLanes);
  for (std::int64_t i = 0; i < n_columns; i += 2 * kLanes) {
    Lanes x_lower[kRows];
    Lanes x_upper[kRows];
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      x_lower[r] = load(x + r * m.x_stride + i);
      x_upper[r] = load(x + r * m.x_stride + i + kLanes);
    }
    CSM_UNROLL
    for (unsigned o = 0; o < kOuts; ++o) {
      const W* w_row = w + o * apart + i;
      fetch_once(w_row + kAhead, 2 * kLanes * sizeof(W));
      const Lanes w_lower = load(w_row);
      const Lanes w_upper = load(w_row + kLanes);
      CSM_UNROLL
      for (unsigned r = 0; r < kRows; ++r) {
        sums[o].lower[r] = fma(x_lower[r], w_lower, sums[o].lower[r]);
        sums[o].upper[r] = fma(x_upper[r], w_upper, sums[o].upper[r]);
      }
    }
  }
  CSM_UNROLL
  for (unsigned o = 0; o < kOuts; ++o) {
    add_last_columns<kRows, W>(m, w + o * apart, row, sums[o]);
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      to[o].each[r][at] = add(sums[o].lower[r], sums[o].upper[r]);
    }
  }
}

/// kOuts times n outputs, at most 16, the first ones from `first` on and the
/// next ones `apart` behind.
template <unsigned kOuts, unsigned kRows, class W>
inline void stream_group(const Matmul& m, std::int64_t row, std::int64_t first,
                         std::int64_t apart, std::int64_t n) {
  const W* w = static_cast<const W*>(m.w) + first * m.n_in;
  OutSums<kRows> sums[kOuts];
  for (std::int64_t o = 0; o < n; ++o) {
    stream_outs<kOuts, kRows, W>(m, row, w + o * m.n_in, apart * m.n_in, o,
                                 sums);
  }
  for (unsigned s = 0; s < kOuts; ++s) {
    for (unsigned r = 0; r < kRows; ++r) {
      Lanes(&each)[kLanes] = sums[s].each[r];
      for (std::int64_t o = n; o < kLanes; ++o) each[o] = zero();
      store_outs(m, row + r, first + s * apart, n, reduce_each(each));
    }
  }
}

/// So many inputs fill the first cache: two weight rows share a reading of
/// them, each from a stream of its own through a half of the weights. One
/// stream is read faster where inputs are few.
inline constexpr std::int64_t kManyInputs = 8192;

template <unsigned kRows, class W>
inline void stream_rows(const Matmul& m, Range outs, std::int64_t row) {
  std::int64_t first = outs.begin;
  if (m.n_in * kRows >= kManyInputs) {
    const std::int64_t half = outs.size() / (2 * kLanes) * kLanes;
    for (; first < outs.begin + half; first += kLanes) {
      stream_group<2, kRows, W>(m, row, first, half, kLanes);
    }
    first += half;
  }
  for (; first < outs.end; first += kLanes) {
    const std::int64_t left = outs.end - first;
    const std::int64_t n = left < kLanes ? left : kLanes;
    stream_group<1, kRows, W>(m, row, first, 0, n);
  }
}

/// The same for 1 to kRows rows.
template <unsigned kRows, class W>
inline void stream_block(const Matmul& m, Range outs, Range rows) {
  if constexpr (kRows > 1) {
    if (rows.size() < kRows) return stream_block<kRows - 1, W>(m, outs, rows);
  }
  stream_rows<kRows, W>(m, outs, rows.begin);
}
