#pragma once

#include <cstdint>

namespace csm::kernels {

/// Attention of one row of the query heads that belong to one key head.
struct AttentionHeads {
  const float* q;           // [n_heads, Dh], rotated
  const float* k;           // [capacity, Dh]
  const float* v;           // [capacity, Dh]
  std::int64_t n_heads;     // query heads
  std::int64_t head_dim;    // Dh
  std::int64_t capacity;    // slots
  std::int64_t first_slot;  // of the oldest visible key
  std::int64_t n_keys;      // visible keys, in consecutive slots mod capacity
  float scale;              // of the scores
  float* scores;            // [n_heads, n_keys], scratch
  float* out;               // [n_heads, Dh]; may be q
};

}  // namespace csm::kernels
