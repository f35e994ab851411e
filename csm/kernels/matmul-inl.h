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

/// Weight rows that a row tile meets piece by piece of the columns.
inline constexpr std::int64_t kPanelOuts = 8 * kTileOuts;

/// The same where the rows are one piece: the sums then take less of the first
/// cache.
inline constexpr std::int64_t kShortPanelOuts =
    kLanes % kTileOuts == 0 ? kLanes : kPanelOuts;

/// Columns of such a piece: half the lanes of x stay in the first cache while
/// all weight rows pass, and the weights in the second.
inline constexpr std::int64_t kPanelColumns =
    6144 / kTileRows / (2 * kLanes) * (2 * kLanes);

/// Running sums of kPanelOuts weight rows with kRows rows of x.
template <unsigned kRows>
struct PanelSums {
  Lanes lower[kPanelOuts][kRows];
  Lanes upper[kPanelOuts][kRows];
};

/// Adds the products of kOuts weight rows with kRows rows of x, one lane half:
/// each loaded vector is used several times. `columns` begins at the first
/// column of the half; what is behind the last full vector is added only at the
/// end of the rows. The first piece of the columns begins the sums. Asks for
/// the weights `ahead` elements behind those in use.
template <unsigned kOuts, unsigned kRows, class W>
inline void tile_half(const Matmul& m, const float* x, const W* w,
                      Range columns, bool first, std::int64_t ahead,
                      Lanes (*sums)[kRows]) {
  Lanes acc[kOuts][kRows];
  CSM_UNROLL
  for (unsigned o = 0; o < kOuts; ++o) {
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) acc[o][r] = zero();
  }
  if (!first) {
    CSM_UNROLL
    for (unsigned o = 0; o < kOuts; ++o) {
      CSM_UNROLL
      for (unsigned r = 0; r < kRows; ++r) acc[o][r] = sums[o][r];
    }
  }
  std::int64_t i = columns.begin;
  for (; i + kLanes <= columns.end; i += 2 * kLanes) {
    Lanes x_rows[kRows];
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r)
      x_rows[r] = load(x + r * m.x_stride + i);
    CSM_UNROLL
    for (unsigned o = 0; o < kOuts; ++o) {
      const W* w_columns = w + o * m.n_in + i;
      __builtin_prefetch(w_columns + ahead);
      const Lanes w_row = load(w_columns);
      CSM_UNROLL
      for (unsigned r = 0; r < kRows; ++r) {
        acc[o][r] = fma(x_rows[r], w_row, acc[o][r]);
      }
    }
  }
  CSM_UNROLL
  for (unsigned o = 0; o < kOuts; ++o) {
    lane_tail<kRows>(x, m.x_stride, w + o * m.n_in, i, columns.end, acc[o]);
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) sums[o][r] = acc[o][r];
  }
}

/// tile_half for all weight rows `outs`, at most kPanelOuts.
template <unsigned kRows, class W>
inline void panel_half(const Matmul& m, const float* x, Range outs,
                       Range columns, bool first, std::int64_t ahead,
                       Lanes (*sums)[kRows]) {
  const W* w = static_cast<const W*>(m.w) + outs.begin * m.n_in;
  std::int64_t out = 0;
  for (; out + kTileOuts <= outs.size(); out += kTileOuts) {
    tile_half<kTileOuts, kRows>(m, x, w + out * m.n_in, columns, first, ahead,
                                sums + out);
  }
  for (; out < outs.size(); ++out) {
    tile_half<1, kRows>(m, x, w + out * m.n_in, columns, first, ahead,
                        sums + out);
  }
}

/// Finishes row r of a panel, 16 outputs at a time.
template <unsigned kRows>
inline void finish_panel_row(const Matmul& m, std::int64_t row, unsigned r,
                             Range outs, const PanelSums<kRows>& sums) {
  for (std::int64_t o = 0; o < outs.size(); o += kLanes) {
    const std::int64_t n = outs.size() - o;
    Lanes each[kLanes];
    for (int i = 0; i < kLanes; ++i) {
      each[i] =
          i < n ? add(sums.lower[o + i][r], sums.upper[o + i][r]) : zero();
    }
    store_outs(m, row + r, outs.begin + o, n, reduce_each(each));
  }
}

/// kRows rows of x with at most kPanelOuts weight rows; with `fetches` asks for
/// the next piece of the weights while one is multiplied.
template <unsigned kRows, class W>
inline void tile_panel(const Matmul& m, std::int64_t row, Range outs,
                       bool fetches) {
  const float* x = m.x + row * m.x_stride;
  PanelSums<kRows> sums;
  for (std::int64_t i = 0; i < m.n_in; i += kPanelColumns) {
    const std::int64_t next = i + kPanelColumns;
    const std::int64_t end = next < m.n_in ? next : m.n_in;
    const bool first = i == 0;
    const std::int64_t next_piece =
        end < m.n_in ? kPanelColumns : outs.size() * m.n_in - i;
    const std::int64_t ahead = fetches ? next_piece : 0;
    panel_half<kRows, W>(m, x, outs, Range{i, end}, first, ahead, sums.lower);
    panel_half<kRows, W>(m, x, outs, Range{i + kLanes, end}, first, 0,
                         sums.upper);
  }
  for (unsigned r = 0; r < kRows; ++r) finish_panel_row(m, row, r, outs, sums);
}

/// The same for n <= kRows rows of x.
template <unsigned kRows, class W>
inline void tile_panel_of(const Matmul& m, std::int64_t row, std::int64_t n,
                          Range outs, bool fetches) {
  if constexpr (kRows > 1) {
    if (n < kRows) return tile_panel_of<kRows - 1, W>(m, row, n, outs, fetches);
  }
  tile_panel<kRows, W>(m, row, outs, fetches);
}

/// Row tiles of nearly equal size: with 8 rows 4 and 4, not 6 and 2.
template <class W>
inline void tile_block(const Matmul& m, Range outs, Range rows) {
  const std::int64_t n_tiles = (rows.size() + kTileRows - 1) / kTileRows;
  const std::int64_t n_panel =
      m.n_in <= kPanelColumns ? kShortPanelOuts : kPanelOuts;
  for (std::int64_t out = outs.begin; out < outs.end; out += n_panel) {
    const std::int64_t next = out + n_panel;
    const Range panel{out, next < outs.end ? next : outs.end};
    for (std::int64_t tile = 0; tile < n_tiles; ++tile) {
      const std::int64_t begin = rows.size() * tile / n_tiles;
      const std::int64_t end = rows.size() * (tile + 1) / n_tiles;
      tile_panel_of<kTileRows, W>(m, rows.begin + begin, end - begin, panel,
                                  tile == 0);
    }
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
