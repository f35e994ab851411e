// Products of many rows, part of matmul-inl.h: each weight that is loaded meets
// several rows of inputs.

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
