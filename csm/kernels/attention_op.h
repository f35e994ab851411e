#pragma once

#include "csm/kernels/exec_op.h"

namespace csm::kernels {

/// Heads and visibility of one attention layer.
struct AttentionShape {
  int n_heads;     // H, query heads
  int n_kv_heads;  // Hkv, a divisor of H; query head h uses key head h/(H/Hkv)
  int head_dim;    // Dh, even

  /// A key at position pk is visible to a query at pq iff 0 <= pq - pk, and
  /// pq - pk < window unless window is 0 (no limit).
  int window = 0;
};

/// What attention() returns.
struct AttentionResult {
  mx::array out;      // [T, H*Dh]
  mx::array k_cache;  // [Hkv, capacity, Dh], the T new rows written
  mx::array v_cache;  // [Hkv, capacity, Dh]
};

/// Rotary position embedding, cache update and causal attention of T steps.
///
/// q         [T, H*Dh]
/// k, v      [T, Hkv*Dh]
/// k_cache   [Hkv, capacity, Dh], rotated keys; position p is in slot
///           p mod capacity
/// v_cache   [Hkv, capacity, Dh]
/// position  absolute position of row 0; rows 0..T-1 follow each other, and
///           positions before it must have been written
/// inv_freq  [Dh/2] radians per position; rotation pairs elements j and
///           j + Dh/2 (half-split, as Hugging Face's Llama)
///
/// Scores are scaled by 1/sqrt(Dh).
///
/// Without a window, position + T <= capacity. With one, either that or
/// capacity >= window + T - 1, so that no key is overwritten that a row of
/// this call needs.
///
/// Caches are values: the results hold the update. They take over the buffers
/// of the arguments when nobody else holds these (drop your handle before the
/// evaluation), and are copies otherwise.
///
/// Throws: Error{kInvalidArgument} for a shape or dtype that does not fit,
/// Error{kExhausted} if a cache without a window is full.
/// Threads: engine thread only.
/// Exact (CPU kernels): bit-equal for every instruction set, thread count and
/// division of the rows into calls (csm/kernels/attention_op_test.cpp).
[[nodiscard]] AttentionResult attention(const Exec& exec, const mx::array& q,
                                        const mx::array& k, const mx::array& v,
                                        mx::array k_cache, mx::array v_cache,
                                        int position, const mx::array& inv_freq,
                                        const AttentionShape& shape);

}  // namespace csm::kernels
