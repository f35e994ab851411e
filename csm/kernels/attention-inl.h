// Body of attention.cpp, compiled once per instruction set.

#include "csm/kernels/softmax-inl.h"

/// Query heads of one key head that share the reading of keys and values, keys
/// that share that of queries, and vectors of values in one pass.
inline constexpr unsigned kSharingQueries = kTileRows >= 4 ? 4 : 2;
inline constexpr unsigned kSharingKeys = kTileRows >= 6 ? 2 : 1;
inline constexpr unsigned kValueWidth = kTileRows >= 4 ? 4 : 2;

/// Adds the products of 16 elements, or of the first n, of every query with
/// every key; both lie `stride` floats apart.
template <bool kAll, unsigned kQueries, unsigned kKeys>
CSM_INLINE void add_products(const float* q, const float* k,
                             std::int64_t stride, int n,
                             Lanes (&sums)[kQueries][kKeys]) {
  Lanes queries[kQueries];
  CSM_UNROLL
  for (unsigned i = 0; i < kQueries; ++i) {
    const float* at = q + i * stride;
    queries[i] = kAll ? load(at) : load_first(at, n);
  }
  CSM_UNROLL
  for (unsigned j = 0; j < kKeys; ++j) {
    const float* at = k + j * stride;
    const Lanes key = kAll ? load(at) : load_first(at, n);
    CSM_UNROLL
    for (unsigned i = 0; i < kQueries; ++i) {
      sums[i][j] = fma(queries[i], key, sums[i][j]);
    }
  }
}

/// Products of n elements of every query with every key, summed in 32 lanes and
/// then in 16, as dots[query][first + key].
template <unsigned kQueries, unsigned kKeys>
CSM_INLINE void dot_tile(const float* q, const float* k, std::int64_t n,
                         unsigned first, Lanes (&dots)[kQueries][kLanes]) {
  Lanes lower[kQueries][kKeys];
  Lanes upper[kQueries][kKeys];
  CSM_UNROLL
  for (unsigned i = 0; i < kQueries; ++i) {
    CSM_UNROLL
    for (unsigned j = 0; j < kKeys; ++j) lower[i][j] = upper[i][j] = zero();
  }
  std::int64_t i = 0;
  for (; i + 2 * kLanes <= n; i += 2 * kLanes) {
    add_products<true>(q + i, k + i, n, kLanes, lower);
    add_products<true>(q + i + kLanes, k + i + kLanes, n, kLanes, upper);
  }
  const int tail = static_cast<int>(n - i);
  if (tail >= kLanes) add_products<true>(q + i, k + i, n, kLanes, lower);
  if (tail > kLanes) {
    i += kLanes;
    add_products<false>(q + i, k + i, n, tail - kLanes, upper);
  } else if (tail > 0 && tail < kLanes) {
    add_products<false>(q + i, k + i, n, tail, lower);
  }
  CSM_UNROLL
  for (unsigned r = 0; r < kQueries; ++r) {
    CSM_UNROLL
    for (unsigned j = 0; j < kKeys; ++j) {
      dots[r][first + j] = add(lower[r][j], upper[r][j]);
    }
  }
}

/// The visible keys lie in at most two runs of slots: [first_slot, ...), of
/// this length, and [0, ...).
inline std::int64_t first_run(const AttentionHeads& h) {
  const std::int64_t room = h.capacity - h.first_slot;
  return h.n_keys < room ? h.n_keys : room;
}

/// Floats from the scores of one query head to those of the next.
inline std::int64_t score_stride(const AttentionHeads& h) {
  return h.n_keys + kScoreGap;
}

/// Scores of kQueries query heads with n keys.
template <unsigned kQueries>
inline void score_run(const AttentionHeads& h, const float* q, const float* k,
                      std::int64_t n, float* scores) {
  const Lanes scale = splat(h.scale);
  const std::int64_t stride = score_stride(h);
  std::int64_t j = 0;
  for (; j + kLanes <= n; j += kLanes) {
    Lanes dots[kQueries][kLanes];
    for (unsigned i = 0; i < kLanes; i += kSharingKeys) {
      dot_tile<kQueries, kSharingKeys>(q, k, h.head_dim, i, dots);
      k += kSharingKeys * h.head_dim;
    }
    for (unsigned r = 0; r < kQueries; ++r) {
      store(scores + r * stride + j, mul(reduce_each(dots[r]), scale));
    }
  }
  for (; j < n; ++j, k += h.head_dim) {
    Lanes dots[kQueries][kLanes];
    dot_tile<kQueries, 1>(q, k, h.head_dim, 0, dots);
    for (unsigned r = 0; r < kQueries; ++r) {
      scores[r * stride + j] = reduce_add(dots[r][0]) * h.scale;
    }
  }
}

/// Sums of a block of 16 keys for every query: those of the elements lane,
/// lane + 32, ... for kWidth = 32, and for a smaller width those of twice the
/// width at `lane` and behind it, added.
template <unsigned kWidth, unsigned kQueries>
CSM_INLINE void lane_sums(const float* q, std::int64_t n, const float* block,
                          std::int64_t lane, Lanes (&sums)[kQueries]) {
  if constexpr (kWidth == 2 * kLanes) {
    CSM_UNROLL
    for (unsigned r = 0; r < kQueries; ++r) sums[r] = zero();
    for (std::int64_t i = lane; i < n; i += kWidth) {
      const Lanes keys = load(block + i * kBlockKeys);
      CSM_UNROLL
      for (unsigned r = 0; r < kQueries; ++r) {
        sums[r] = fma(splat(q[r * n + i]), keys, sums[r]);
      }
    }
  } else {
    Lanes behind[kQueries];
    lane_sums<2 * kWidth>(q, n, block, lane, sums);
    lane_sums<2 * kWidth>(q, n, block, lane + kWidth, behind);
    CSM_UNROLL
    for (unsigned r = 0; r < kQueries; ++r) sums[r] = add(sums[r], behind[r]);
  }
}

/// Scores of kQueries query heads with all keys, which lie in blocks.
template <unsigned kQueries>
inline void score_blocks(const AttentionHeads& h, const float* q,
                         float* scores) {
  const Lanes scale = splat(h.scale);
  const std::int64_t stride = score_stride(h);
  const std::int64_t end = h.in_blocks + h.n_keys;
  std::int64_t j = h.in_blocks / kBlockKeys * kBlockKeys;
  for (; j < end; j += kBlockKeys) {
    Lanes sums[kQueries];
    lane_sums<1>(q, h.head_dim, h.blocks + j * h.head_dim, 0, sums);
    float* to = scores + j - h.in_blocks;
    CSM_UNROLL
    for (unsigned r = 0; r < kQueries; ++r) {
      store(to + r * stride, mul(sums[r], scale));
    }
  }
}

/// Adds weights[j] * v[j][..] for n rows to kWidth vectors of sums; the weights
/// of the next query lie w_stride on.
template <unsigned kQueries, unsigned kWidth>
inline void value_run(const float* v, std::int64_t stride, std::int64_t n,
                      const float* weights, std::int64_t w_stride,
                      Lanes (&sums)[kQueries][kWidth]) {
  for (std::int64_t j = 0; j < n; ++j, v += stride) {
    Lanes values[kWidth];
    CSM_UNROLL
    for (unsigned c = 0; c < kWidth; ++c) values[c] = load(v + c * kLanes);
    CSM_UNROLL
    for (unsigned r = 0; r < kQueries; ++r) {
      const Lanes weight = splat(weights[r * w_stride + j]);
      CSM_UNROLL
      for (unsigned c = 0; c < kWidth; ++c) {
        sums[r][c] = fma(weight, values[c], sums[r][c]);
      }
    }
  }
}

/// Elements [d, d + 16*kWidth) of the outputs.
template <unsigned kQueries, unsigned kWidth>
inline void value_block(const AttentionHeads& h, std::int64_t d,
                        const float* scores, const float* inverse, float* out) {
  Lanes sums[kQueries][kWidth];
  CSM_UNROLL
  for (unsigned r = 0; r < kQueries; ++r) {
    CSM_UNROLL
    for (unsigned c = 0; c < kWidth; ++c) sums[r][c] = zero();
  }
  const std::int64_t run = first_run(h);
  const float* first = h.v + h.first_slot * h.head_dim + d;
  const std::int64_t stride = score_stride(h);
  value_run(first, h.head_dim, run, scores, stride, sums);
  value_run(h.v + d, h.head_dim, h.n_keys - run, scores + run, stride, sums);
  CSM_UNROLL
  for (unsigned r = 0; r < kQueries; ++r) {
    const Lanes factor = splat(inverse[r]);
    CSM_UNROLL
    for (unsigned c = 0; c < kWidth; ++c) {
      store(out + r * h.head_dim + d + c * kLanes, mul(sums[r][c], factor));
    }
  }
}

/// The last elements [d, Dh) of one output, fewer than 16.
inline void value_tail(const AttentionHeads& h, std::int64_t d,
                       const float* scores, float inverse, float* out) {
  const int n = static_cast<int>(h.head_dim - d);
  Lanes sum = zero();
  std::int64_t slot = h.first_slot;
  for (std::int64_t j = 0; j < h.n_keys; ++j) {
    const float* v = h.v + slot * h.head_dim + d;
    sum = fma(splat(scores[j]), load_first(v, n), sum);
    slot = slot + 1 == h.capacity ? 0 : slot + 1;
  }
  store_first(out + d, mul(sum, splat(inverse)), n);
}

/// kQueries query heads from `head` on.
template <unsigned kQueries>
inline void attend_some(const AttentionHeads& h, std::int64_t head) {
  const float* q = h.q + head * h.head_dim;
  float* out = h.out + head * h.head_dim;
  const std::int64_t stride = score_stride(h);
  float* scores = h.scores + head * stride;
  if (h.blocks != nullptr) {
    score_blocks<kQueries>(h, q, scores);
  } else {
    const std::int64_t run = first_run(h);
    score_run<kQueries>(h, q, h.k + h.first_slot * h.head_dim, run, scores);
    score_run<kQueries>(h, q, h.k, h.n_keys - run, scores + run);
  }
  float inverse[kQueries];
  for (unsigned r = 0; r < kQueries; ++r) {
    float* own = scores + r * stride;
    inverse[r] = 1.0F / exp_and_sum_n(own, own, h.n_keys);
  }
  std::int64_t d = 0;
  for (; d + kValueWidth * kLanes <= h.head_dim; d += kValueWidth * kLanes) {
    value_block<kQueries, kValueWidth>(h, d, scores, inverse, out);
  }
  for (; d + kLanes <= h.head_dim; d += kLanes) {
    value_block<kQueries, 1>(h, d, scores, inverse, out);
  }
  for (unsigned r = 0; d < h.head_dim && r < kQueries; ++r) {
    value_tail(h, d, scores + r * stride, inverse[r], out + r * h.head_dim);
  }
}

inline void attend_heads(const AttentionHeads& h) {
  std::int64_t head = 0;
  for (; head + kSharingQueries <= h.n_heads; head += kSharingQueries) {
    attend_some<kSharingQueries>(h, head);
  }
  for (; head < h.n_heads; ++head) attend_some<1>(h, head);
}
