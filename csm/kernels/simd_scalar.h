#pragma once

#include <bit>
#include <cmath>
#include <cstdint>

#include "csm/kernels/simd_target.h"

// The SIMD vocabulary in plain C++, and its documentation; simd_avx2.h,
// simd_avx512.h and simd_neon.h have the same names with the same results, bit
// for bit (except which NaN a NaN is). Every kernel body is written once over
// these names.
namespace csm::kernels::scalar {

/// 16 float32 lanes on every instruction set.
struct Lanes {
  float v[16];
};

/// 16 int32 lanes; additions and shifts wrap.
struct IntLanes {
  std::int32_t v[16];
};

inline constexpr int kLanes = 16;

/// What fits into registers of a matrix product: two weight rows with
/// `kStreamRows` rows of inputs, `kTileOuts` with `kTileRows` in a tile. Up to
/// `kStreamRows` rows of inputs the weights are streamed, not tiled.
inline constexpr unsigned kStreamRows = 2;
inline constexpr unsigned kTileRows = 4;
inline constexpr unsigned kTileOuts = 2;

inline Lanes splat(float x) {
  Lanes r;
  for (float& lane : r.v) lane = x;
  return r;
}

inline Lanes zero() { return splat(0.0F); }

/// The first n elements, 0 <= n <= 16, and zeros; reads nothing behind them. No
/// alignment is required, here and below.
inline Lanes load_first(const float* p, int n) {
  Lanes r = zero();
  __builtin_memcpy(r.v, p, static_cast<unsigned>(n) * sizeof(float));
  return r;
}

/// Widens, which is exact.
inline Lanes load_first(const Bf16* p, int n) {
  Bf16 narrow[kLanes] = {};
  __builtin_memcpy(narrow, p, static_cast<unsigned>(n) * sizeof(Bf16));
  Lanes r;
  for (int i = 0; i < kLanes; ++i) {
    const std::uint32_t bits = narrow[i].bits;
    r.v[i] = std::bit_cast<float>(bits << 16U);
  }
  return r;
}

inline Lanes load(const float* p) { return load_first(p, kLanes); }

inline Lanes load(const Bf16* p) { return load_first(p, kLanes); }

/// Writes the first n lanes, 0 <= n <= 16, and nothing behind them.
inline void store_first(float* p, const Lanes& a, int n) {
  __builtin_memcpy(p, a.v, static_cast<unsigned>(n) * sizeof(float));
}

inline void store(float* p, const Lanes& a) { store_first(p, a, kLanes); }

/// The first n lanes, 0 <= n <= 16, and zeros.
inline Lanes first_lanes(const Lanes& a, int n) {
  Lanes r = zero();
  for (int i = 0; i < n; ++i) r.v[i] = a.v[i];
  return r;
}

inline Lanes abs(const Lanes& a) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = std::fabs(a.v[i]);
  return r;
}

inline Lanes add(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = a.v[i] + b.v[i];
  return r;
}

inline Lanes sub(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = a.v[i] - b.v[i];
  return r;
}

inline Lanes mul(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = a.v[i] * b.v[i];
  return r;
}

inline Lanes div(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = a.v[i] / b.v[i];
  return r;
}

/// a*b + c with one rounding.
inline Lanes fma(const Lanes& a, const Lanes& b, const Lanes& c) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = std::fma(a.v[i], b.v[i], c.v[i]);
  return r;
}

/// Per lane: a < b ? x : y. False for NaN.
inline Lanes select_less(const Lanes& a, const Lanes& b, const Lanes& x,
                         const Lanes& y) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = a.v[i] < b.v[i] ? x.v[i] : y.v[i];
  return r;
}

/// Bit i: lane i of a is less than that of b. False for NaN.
inline std::uint32_t mask_less(const Lanes& a, const Lanes& b) {
  std::uint32_t mask = 0;
  for (int i = 0; i < kLanes; ++i) mask |= (a.v[i] < b.v[i] ? 1U : 0U) << i;
  return mask;
}

inline IntLanes bits(const Lanes& a) {
  IntLanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = std::bit_cast<std::int32_t>(a.v[i]);
  return r;
}

inline Lanes from_bits(const IntLanes& a) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = std::bit_cast<float>(a.v[i]);
  return r;
}

/// Rounds to nearest, ties to even.
inline Lanes to_float(const IntLanes& a) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = static_cast<float>(a.v[i]);
  return r;
}

inline IntLanes int_splat(std::int32_t x) {
  IntLanes r;
  for (std::int32_t& lane : r.v) lane = x;
  return r;
}

inline std::int32_t wrap(std::uint32_t x) {
  return std::bit_cast<std::int32_t>(x);
}

inline std::uint32_t unwrap(std::int32_t x) {
  return std::bit_cast<std::uint32_t>(x);
}

inline IntLanes int_add(const IntLanes& a, const IntLanes& b) {
  IntLanes r;
  for (int i = 0; i < kLanes; ++i)
    r.v[i] = wrap(unwrap(a.v[i]) + unwrap(b.v[i]));
  return r;
}

inline IntLanes int_sub(const IntLanes& a, const IntLanes& b) {
  IntLanes r;
  for (int i = 0; i < kLanes; ++i)
    r.v[i] = wrap(unwrap(a.v[i]) - unwrap(b.v[i]));
  return r;
}

template <int kBits>
inline IntLanes shift_left(const IntLanes& a) {
  IntLanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = wrap(unwrap(a.v[i]) << kBits);
  return r;
}

/// Arithmetic: rounds towards minus infinity.
template <int kBits>
inline IntLanes shift_right(const IntLanes& a) {
  IntLanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = a.v[i] >> kBits;
  return r;
}

/// Sums the lanes as a tree: lane i with i+8, then i+4, i+2, i+1.
inline float reduce_add(const Lanes& a) {
  float t[8];
  for (int i = 0; i < 8; ++i) t[i] = a.v[i] + a.v[i + 8];
  for (int i = 0; i < 4; ++i) t[i] += t[i + 4];
  for (int i = 0; i < 2; ++i) t[i] += t[i + 2];
  return t[0] + t[1];
}

/// Lane i: reduce_add(v[i]).
inline Lanes reduce_each(const Lanes (&v)[16]) {
  Lanes r;
  for (int i = 0; i < kLanes; ++i) r.v[i] = reduce_add(v[i]);
  return r;
}

/// The largest lane. Precondition: none is NaN.
inline float reduce_max(const Lanes& a) {
  float largest = a.v[0];
  for (float lane : a.v) largest = largest < lane ? lane : largest;
  return largest;
}

}  // namespace csm::kernels::scalar
