#pragma once

#include <cstdint>

namespace csm::kernels {

/// Keys of a block; see AttentionHeads.
inline constexpr std::int64_t kBlockKeys = 16;

/// Floats between the scores of one query head and the next, and in front of
/// the first: a block of keys may begin before the visible ones or end behind
/// them.
inline constexpr std::int64_t kScoreGap = kBlockKeys;

/// Attention of one row of the query heads that belong to one key head. Where
/// many rows read the same keys, these also lie in blocks [Dh, 16], so that a
/// lane is a key and nothing is summed across lanes.
struct AttentionHeads {
  const float* q;           // [n_heads, Dh], rotated
  const float* k;           // [capacity, Dh]
  const float* v;           // [capacity, Dh]
  std::int64_t n_heads;     // query heads
  std::int64_t head_dim;    // Dh
  std::int64_t capacity;    // slots
  std::int64_t first_slot;  // of the oldest visible key
  std::int64_t n_keys;      // visible keys, in consecutive slots mod capacity
  const float* blocks;      // null, or keys in blocks
  std::int64_t in_blocks;   // place of the oldest visible key in the blocks
  float scale;              // of the scores
  float* scores;            // [n_heads, n_keys + kScoreGap], scratch
  float* out;               // [n_heads, Dh]; may be q
};

}  // namespace csm::kernels
