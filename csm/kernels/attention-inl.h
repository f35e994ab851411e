// Body of attention.cpp, compiled once per instruction set.

#include "csm/kernels/softmax-inl.h"

/// Products of n elements, summed in 32 lanes and then in 16.
inline Lanes dot_lanes(const float* a, const float* b, std::int64_t n) {
  Lanes lower = zero();
  Lanes upper = zero();
  std::int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    lower = fma(load(a + i), load(b + i), lower);
    upper = fma(load(a + i + kLanes), load(b + i + kLanes), upper);
  }
  if (i + kLanes <= n) {
    lower = fma(load(a + i), load(b + i), lower);
    i += kLanes;
    const int tail = static_cast<int>(n - i);
    if (tail != 0) {
      upper = fma(load_first(a + i, tail), load_first(b + i, tail), upper);
    }
  } else if (i < n) {
    const int tail = static_cast<int>(n - i);
    lower = fma(load_first(a + i, tail), load_first(b + i, tail), lower);
  }
  return add(lower, upper);
}

/// The visible keys lie in at most two runs of slots: [first_slot, ...), of
/// this length, and [0, ...).
inline std::int64_t first_run(const AttentionHead& h) {
  const std::int64_t room = h.capacity - h.first_slot;
  return h.n_keys < room ? h.n_keys : room;
}

inline void score_run(const AttentionHead& h, const float* k, std::int64_t n,
                      float* scores) {
  const Lanes scale = splat(h.scale);
  std::int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    Lanes dots[kLanes];
    for (int i = 0; i < kLanes; ++i, k += h.head_dim) {
      dots[i] = dot_lanes(h.q, k, h.head_dim);
    }
    store(scores + j, mul(reduce_each(dots), scale));
  }
  for (; j < n; ++j, k += h.head_dim) {
    scores[j] = reduce_add(dot_lanes(h.q, k, h.head_dim)) * h.scale;
  }
}

/// Adds weights[j] * v[j][..] for n rows to kWidth vectors of sums.
template <unsigned kWidth>
inline void value_run(const float* v, std::int64_t stride, std::int64_t n,
                      const float* weights, Lanes (&sums)[kWidth]) {
  for (std::int64_t j = 0; j < n; ++j, v += stride) {
    const Lanes weight = splat(weights[j]);
    CSM_UNROLL
    for (unsigned c = 0; c < kWidth; ++c) {
      sums[c] = fma(weight, load(v + c * kLanes), sums[c]);
    }
  }
}

/// Elements [d, d + 16*kWidth) of the output.
template <unsigned kWidth>
inline void value_block(const AttentionHead& h, std::int64_t d, Lanes inverse) {
  Lanes sums[kWidth];
  CSM_UNROLL
  for (unsigned c = 0; c < kWidth; ++c) sums[c] = zero();
  const std::int64_t run = first_run(h);
  const float* first = h.v + h.first_slot * h.head_dim + d;
  value_run<kWidth>(first, h.head_dim, run, h.scores, sums);
  value_run<kWidth>(h.v + d, h.head_dim, h.n_keys - run, h.scores + run, sums);
  CSM_UNROLL
  for (unsigned c = 0; c < kWidth; ++c) {
    store(h.out + d + c * kLanes, mul(sums[c], inverse));
  }
}

/// The last elements [d, Dh), fewer than 16.
inline void value_tail(const AttentionHead& h, std::int64_t d, Lanes inverse) {
  const int n = static_cast<int>(h.head_dim - d);
  Lanes sum = zero();
  std::int64_t slot = h.first_slot;
  for (std::int64_t j = 0; j < h.n_keys; ++j) {
    const float* v = h.v + slot * h.head_dim + d;
    sum = fma(splat(h.scores[j]), load_first(v, n), sum);
    slot = slot + 1 == h.capacity ? 0 : slot + 1;
  }
  store_first(h.out + d, mul(sum, inverse), n);
}

inline void attend_head(const AttentionHead& h) {
  const std::int64_t run = first_run(h);
  score_run(h, h.k + h.first_slot * h.head_dim, run, h.scores);
  score_run(h, h.k, h.n_keys - run, h.scores + run);
  const float sum = exp_and_sum_n(h.scores, h.scores, h.n_keys);
  const Lanes inverse = splat(1.0F / sum);
  std::int64_t d = 0;
  for (; d + 4 * kLanes <= h.head_dim; d += 4 * kLanes) {
    value_block<4>(h, d, inverse);
  }
  for (; d + kLanes <= h.head_dim; d += kLanes) value_block<1>(h, d, inverse);
  if (d < h.head_dim) value_tail(h, d, inverse);
}
