// Body of norm.cpp, compiled once per instruction set.

struct Centred {
  const float* x;
  Lanes mean;

  /// The n elements from i, 1 <= n <= 16, minus the mean, then zeros.
  Lanes at(std::int64_t i, int n) const {
    if (n == kLanes) return sub(load(x + i), mean);
    return first_lanes(sub(load_first(x + i, n), mean), n);
  }
};

/// Sum of the elements, or of their squares, in 32 lanes.
template <bool kSquares>
inline float sum_lanes(const Centred& values, std::int64_t width) {
  Lanes sums[2] = {zero(), zero()};
  int half = 0;
  for (std::int64_t i = 0; i < width; i += kLanes, half ^= 1) {
    const std::int64_t left = width - i;
    const int n = left < kLanes ? static_cast<int>(left) : kLanes;
    const Lanes v = values.at(i, n);
    sums[half] = kSquares ? fma(v, v, sums[half]) : add(sums[half], v);
  }
  return reduce_add(add(sums[0], sums[1]));
}

inline float inverse_deviation(float sum_of_squares, std::int64_t width,
                               float eps) {
  const float mean = sum_of_squares / static_cast<float>(width);
  return 1.0F / __builtin_sqrtf(mean + eps);
}

inline void rms_norm_row(const float* x, std::int64_t width, const float* gain,
                         float eps, float* y) {
  const Centred values{x, zero()};
  const Lanes r =
      splat(inverse_deviation(sum_lanes<true>(values, width), width, eps));
  std::int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    store(y + i, mul(mul(load(x + i), r), load(gain + i)));
  }
  const int tail = static_cast<int>(width - i);
  if (tail == 0) return;
  const Lanes g = load_first(gain + i, tail);
  store_first(y + i, mul(mul(load_first(x + i, tail), r), g), tail);
}

inline void layer_norm_row(const float* x, std::int64_t width,
                           const float* gain, const float* bias, float eps,
                           float* y) {
  const float sum = sum_lanes<false>(Centred{x, zero()}, width);
  const Centred values{x, splat(sum / static_cast<float>(width))};
  const Lanes r =
      splat(inverse_deviation(sum_lanes<true>(values, width), width, eps));
  std::int64_t i = 0;
  for (; i + kLanes <= width; i += kLanes) {
    const Lanes scaled = mul(mul(values.at(i, kLanes), r), load(gain + i));
    store(y + i, add(scaled, load(bias + i)));
  }
  const int tail = static_cast<int>(width - i);
  if (tail == 0) return;
  const Lanes g = load_first(gain + i, tail);
  const Lanes b = load_first(bias + i, tail);
  store_first(y + i, add(mul(mul(values.at(i, tail), r), g), b), tail);
}
