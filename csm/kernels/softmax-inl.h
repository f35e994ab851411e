// Body of softmax.cpp and part of attention's, compiled once per instruction
// set.

#include "csm/kernels/simd_math-inl.h"

inline void exp_n(const float* x, float* y, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, exp(load(x + i)));
  const int tail = static_cast<int>(n - i);
  if (tail != 0) store_first(y + i, exp(load_first(x + i, tail)), tail);
}

/// The largest element; NaN ones do not count.
inline float max_n(const float* x, std::int64_t n) {
  float best = -__builtin_inff();
  std::int64_t i = 0;
  if (n >= kLanes) {
    Lanes lanes = splat(best);
    for (; i + kLanes <= n; i += kLanes) {
      const Lanes v = load(x + i);
      lanes = select_less(lanes, v, v, lanes);
    }
    float all[kLanes];
    store(all, lanes);
    for (float v : all) best = best < v ? v : best;
  }
  for (; i < n; ++i) best = best < x[i] ? x[i] : best;
  return best;
}

inline float exp_and_sum_n(const float* x, float* y, std::int64_t n) {
  const Lanes max = splat(max_n(x, n));
  Lanes sums[2] = {zero(), zero()};
  std::int64_t i = 0;
  int half = 0;
  for (; i + kLanes <= n; i += kLanes, half ^= 1) {
    const Lanes e = exp(sub(load(x + i), max));
    store(y + i, e);
    sums[half] = add(sums[half], e);
  }
  const int tail = static_cast<int>(n - i);
  if (tail != 0) {
    const Lanes e = exp(sub(load_first(x + i, tail), max));
    store_first(y + i, e, tail);
    sums[half] = add(sums[half], first_lanes(e, tail));
  }
  return reduce_add(add(sums[0], sums[1]));
}

inline void softmax_n(const float* x, float* y, std::int64_t n) {
  const Lanes sum = splat(exp_and_sum_n(x, y, n));
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, div(load(y + i), sum));
  const int tail = static_cast<int>(n - i);
  if (tail != 0) store_first(y + i, div(load_first(y + i, tail), sum), tail);
}
