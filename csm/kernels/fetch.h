#pragma once

#include <cstdint>

#include "csm/kernels/simd_target.h"

namespace csm::kernels {

/// Bytes of weights between those that a product of few rows uses and those
/// that it asks for: what the processor fetches on its own falls behind where
/// memory is fast. With half of it, or twice, a little slower
/// (docs/performance.md).
inline constexpr int kFetchAhead = 8192;

/// Asks for n_bytes from p on; kLocality as for __builtin_prefetch. (Always
/// inline: GCC 12 would drop a call of a function without effect.)
template <int kLocality>
CSM_INLINE void fetch(const void* p, std::int64_t n_bytes) {
  const char* bytes = static_cast<const char*>(p);
  for (std::int64_t i = 0; i < n_bytes; i += 64) {
    __builtin_prefetch(bytes + i, 0, kLocality);
  }
}

/// The same for what is read once. Behind the end of a matrix it is mostly
/// weights that the thread reads next.
CSM_INLINE void fetch_once(const void* p, std::int64_t n_bytes) {
  fetch<0>(p, n_bytes);
}

}  // namespace csm::kernels
