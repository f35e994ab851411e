#pragma once

#include <cstddef>
#include <cstdint>

#include "csm/kernels/isa.h"
#include "csm/kernels/parallel.h"

namespace csm::kernels {

/// Attention of T rows at positions position, position + 1, ... over a cache
/// in which position p is in slot p mod capacity. Does not own anything. Each
/// step below says which pointers it uses.
struct Attention {
  std::int64_t n_rows = 0;      // T
  std::int64_t n_heads = 0;     // H
  std::int64_t n_kv_heads = 0;  // Hkv, divides H
  std::int64_t head_dim = 0;    // Dh, even
  std::int64_t capacity = 0;    // slots
  std::int64_t window = 0;      // keys visible to a query, itself included;
                                // 0: all
  std::int64_t position = 0;    // of row 0

  const float* q = nullptr;         // [T, H*Dh]
  const float* k = nullptr;         // [T, Hkv*Dh]
  const float* v = nullptr;         // [T, Hkv*Dh]
  const float* inv_freq = nullptr;  // [Dh/2]
  float* k_cache = nullptr;         // [Hkv, capacity, Dh], to write
  float* v_cache = nullptr;         // [Hkv, capacity, Dh], to write
  const float* k_read = nullptr;    // [Hkv, capacity, Dh], the written cache
  const float* v_read = nullptr;    // [Hkv, capacity, Dh], the written cache
  float* out = nullptr;             // [T, H*Dh]; not q
};

// The three steps of attention, in the order in which they have to run, each
// with the memory that it needs. Allocate nothing; no alignment is required.
// Exact: bit-equal for every Isa, thread count and division into calls
// (attention_test.cpp). Scores are dot products in the lanes of matmul.h,
// weights those of softmax.h with lane = key - first visible key, and values
// are summed in the order of positions with fused multiply-adds.

/// Floats of scratch that write_keys() needs.
[[nodiscard]] std::size_t rope_scratch(const Attention& a);

/// Rotates k and writes it to its slots. Uses a.k, a.inv_freq, a.k_cache.
void write_keys(const Attention& a, float* scratch);

/// Writes v to its slots. Uses a.v, a.v_cache.
void write_values(const Attention& a);

/// Floats of scratch that attend() needs.
[[nodiscard]] std::size_t attend_scratch(const Attention& a,
                                         const ThreadPool* pool);

/// Rotates q and computes out from the cache. Uses a.q, a.inv_freq, a.k_read,
/// a.v_read, a.out.
void attend(const Attention& a, float* scratch, ThreadPool* pool,
            Isa isa = kernel_isa());

}  // namespace csm::kernels
