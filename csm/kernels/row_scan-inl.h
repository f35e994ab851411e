// Body of row_scan.cpp, compiled once per instruction set.

inline constexpr std::uint32_t kAllLanes = 0xFFFF;

/// The lanes from element i on: 16, or those that are left.
struct RowPart {
  Lanes values;
  std::uint32_t mask;  // of the lanes that hold elements
};

inline RowPart part_of_row(const float* x, std::int64_t i, std::int64_t n) {
  if (i + kLanes <= n) return {load(x + i), kAllLanes};
  const int tail = static_cast<int>(n - i);
  return {load_first(x + i, tail), (1U << static_cast<unsigned>(tail)) - 1U};
}

/// Elements of a part that are not less than the bound.
inline std::uint32_t reaching(const RowPart& part, Lanes bound) {
  return ~mask_less(part.values, bound) & part.mask;
}

inline int count_bits(std::uint32_t mask) { return __builtin_popcount(mask); }

inline RowRange range_n(const float* x, std::int64_t n) {
  const Lanes infinity = splat(__builtin_inff());
  Lanes smallest = infinity;
  Lanes largest = splat(-__builtin_inff());
  std::int64_t n_below = 0;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Lanes v = load(x + i);
    smallest = select_less(v, smallest, v, smallest);
    largest = select_less(largest, v, v, largest);
    n_below += count_bits(mask_less(v, infinity));
  }
  float lows[kLanes];
  float highs[kLanes];
  store(lows, smallest);
  store(highs, largest);
  RowRange range{lows[0], highs[0], 0};
  for (int lane = 1; lane < kLanes; ++lane) {
    if (lows[lane] < range.smallest) range.smallest = lows[lane];
    if (range.largest < highs[lane]) range.largest = highs[lane];
  }
  for (; i < n; ++i) {
    if (x[i] < range.smallest) range.smallest = x[i];
    if (range.largest < x[i]) range.largest = x[i];
    n_below += x[i] < __builtin_inff() ? 1 : 0;
  }
  range.n_above = n - n_below;
  return range;
}

inline void divide_n(const float* x, std::int64_t n, float divisor, float* y) {
  const Lanes d = splat(divisor);
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, div(load(x + i), d));
  const int tail = static_cast<int>(n - i);
  if (tail != 0) store_first(y + i, div(load_first(x + i, tail), d), tail);
}

inline std::int64_t count_at_least_n(const float* x, std::int64_t n,
                                     float bound) {
  const Lanes limit = splat(bound);
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; i += kLanes) {
    count += count_bits(reaching(part_of_row(x, i, n), limit));
  }
  return count;
}

inline float smallest_at_least_n(const float* x, std::int64_t n, float bound) {
  const Lanes limit = splat(bound);
  const Lanes infinity = splat(__builtin_inff());
  Lanes smallest = infinity;
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    const Lanes v = load(x + i);
    const Lanes candidate = select_less(v, limit, infinity, v);
    smallest = select_less(candidate, smallest, candidate, smallest);
  }
  float lanes[kLanes];
  store(lanes, smallest);
  float result = lanes[0];
  for (const float lane : lanes) result = lane < result ? lane : result;
  for (; i < n; ++i) {
    if (x[i] >= bound && x[i] < result) result = x[i];
  }
  return result;
}

inline std::int64_t take_at_least_n(const float* x, std::int64_t n, float bound,
                                    std::int32_t* indices, float* values) {
  const Lanes limit = splat(bound);
  std::int64_t count = 0;
  for (std::int64_t i = 0; i < n; i += kLanes) {
    std::uint32_t mask = reaching(part_of_row(x, i, n), limit);
    for (; mask != 0; mask &= mask - 1, ++count) {
      const std::int64_t at = i + __builtin_ctz(mask);
      indices[count] = static_cast<std::int32_t>(at);
      values[count] = x[at];
    }
  }
  return count;
}
