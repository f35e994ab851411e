#pragma once

#include <cstdint>

namespace csm::kernels {

/// Attention of one query row of one head.
struct AttentionHead {
  const float* q;           // [Dh], rotated
  const float* k;           // [capacity, Dh]
  const float* v;           // [capacity, Dh]
  std::int64_t head_dim;    // Dh
  std::int64_t capacity;    // slots
  std::int64_t first_slot;  // of the oldest visible key
  std::int64_t n_keys;      // visible keys, in consecutive slots mod capacity
  float scale;              // of the scores
  float* scores;            // [n_keys], scratch
  float* out;               // [Dh]; may be q
};

}  // namespace csm::kernels
