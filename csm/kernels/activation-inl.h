// Body of activation.cpp, compiled once per instruction set.

#include "csm/kernels/simd_math-inl.h"

inline void silu_mul_n(const float* gate, const float* up, float* y,
                       std::int64_t n) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) {
    store(y + i, mul(silu(load(gate + i)), load(up + i)));
  }
  const int tail = static_cast<int>(n - i);
  if (tail == 0) return;
  const Lanes u = load_first(up + i, tail);
  store_first(y + i, mul(silu(load_first(gate + i, tail)), u), tail);
}

inline void gelu_n(const float* x, float* y, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, gelu(load(x + i)));
  const int tail = static_cast<int>(n - i);
  if (tail != 0) store_first(y + i, gelu(load_first(x + i, tail)), tail);
}

inline void elu_n(const float* x, float* y, std::int64_t n) {
  std::int64_t i = 0;
  for (; i + kLanes <= n; i += kLanes) store(y + i, elu(load(x + i)));
  const int tail = static_cast<int>(n - i);
  if (tail != 0) store_first(y + i, elu(load_first(x + i, tail)), tail);
}
