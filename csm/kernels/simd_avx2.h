#pragma once

#include <immintrin.h>

#include <cstdint>

#include "csm/kernels/simd_target.h"

// The SIMD vocabulary for x86-64 with AVX2 and FMA; see simd_scalar.h.
CSM_TARGET_BEGIN_AVX2
namespace csm::kernels::avx2 {

struct Lanes {
  __m256 lo, hi;
};

struct IntLanes {
  __m256i lo, hi;
};

inline constexpr int kLanes = 16;
inline constexpr unsigned kStreamRows = 2;
inline constexpr unsigned kTileRows = 2;
inline constexpr unsigned kTileOuts = 3;

inline Lanes splat(float x) { return {_mm256_set1_ps(x), _mm256_set1_ps(x)}; }

inline Lanes zero() { return {_mm256_setzero_ps(), _mm256_setzero_ps()}; }

inline Lanes load(const float* p) {
  return {_mm256_loadu_ps(p), _mm256_loadu_ps(p + 8)};
}

inline __m256 widen(__m128i x) {
  return _mm256_castsi256_ps(_mm256_slli_epi32(_mm256_cvtepu16_epi32(x), 16));
}

inline Lanes load(const Bf16* p) {
  const __m128i* q = reinterpret_cast<const __m128i*>(p);
  return {widen(_mm_loadu_si128(q)), widen(_mm_loadu_si128(q + 1))};
}

template <class T>
inline Lanes load_first(const T* p, int n) {
  T padded[kLanes] = {};
  for (int i = 0; i < n; ++i) padded[i] = p[i];
  return load(padded);
}

inline void store(float* p, Lanes a) {
  _mm256_storeu_ps(p, a.lo);
  _mm256_storeu_ps(p + 8, a.hi);
}

inline void store_first(float* p, Lanes a, int n) {
  float all[kLanes];
  store(all, a);
  for (int i = 0; i < n; ++i) p[i] = all[i];
}

inline Lanes first_lanes(Lanes a, int n) {
  const __m256i count = _mm256_set1_epi32(n);
  const __m256i lo = _mm256_setr_epi32(0, 1, 2, 3, 4, 5, 6, 7);
  const __m256i hi = _mm256_setr_epi32(8, 9, 10, 11, 12, 13, 14, 15);
  const __m256i keep_lo = _mm256_cmpgt_epi32(count, lo);
  const __m256i keep_hi = _mm256_cmpgt_epi32(count, hi);
  return {_mm256_and_ps(a.lo, _mm256_castsi256_ps(keep_lo)),
          _mm256_and_ps(a.hi, _mm256_castsi256_ps(keep_hi))};
}

inline Lanes abs(Lanes a) {
  const __m256 sign = _mm256_set1_ps(-0.0F);
  return {_mm256_andnot_ps(sign, a.lo), _mm256_andnot_ps(sign, a.hi)};
}

inline Lanes add(Lanes a, Lanes b) {
  return {_mm256_add_ps(a.lo, b.lo), _mm256_add_ps(a.hi, b.hi)};
}

inline Lanes sub(Lanes a, Lanes b) {
  return {_mm256_sub_ps(a.lo, b.lo), _mm256_sub_ps(a.hi, b.hi)};
}

inline Lanes mul(Lanes a, Lanes b) {
  return {_mm256_mul_ps(a.lo, b.lo), _mm256_mul_ps(a.hi, b.hi)};
}

inline Lanes div(Lanes a, Lanes b) {
  return {_mm256_div_ps(a.lo, b.lo), _mm256_div_ps(a.hi, b.hi)};
}

inline Lanes fma(Lanes a, Lanes b, Lanes c) {
  return {_mm256_fmadd_ps(a.lo, b.lo, c.lo), _mm256_fmadd_ps(a.hi, b.hi, c.hi)};
}

inline Lanes select_less(Lanes a, Lanes b, Lanes x, Lanes y) {
  const __m256 lo = _mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ);
  const __m256 hi = _mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ);
  return {_mm256_blendv_ps(y.lo, x.lo, lo), _mm256_blendv_ps(y.hi, x.hi, hi)};
}

inline std::uint32_t mask_less(Lanes a, Lanes b) {
  const int lo = _mm256_movemask_ps(_mm256_cmp_ps(a.lo, b.lo, _CMP_LT_OQ));
  const int hi = _mm256_movemask_ps(_mm256_cmp_ps(a.hi, b.hi, _CMP_LT_OQ));
  return static_cast<std::uint32_t>(lo | (hi << 8));
}

inline IntLanes bits(Lanes a) {
  return {_mm256_castps_si256(a.lo), _mm256_castps_si256(a.hi)};
}

inline Lanes from_bits(IntLanes a) {
  return {_mm256_castsi256_ps(a.lo), _mm256_castsi256_ps(a.hi)};
}

inline Lanes to_float(IntLanes a) {
  return {_mm256_cvtepi32_ps(a.lo), _mm256_cvtepi32_ps(a.hi)};
}

inline IntLanes int_splat(std::int32_t x) {
  return {_mm256_set1_epi32(x), _mm256_set1_epi32(x)};
}

inline IntLanes int_add(IntLanes a, IntLanes b) {
  return {_mm256_add_epi32(a.lo, b.lo), _mm256_add_epi32(a.hi, b.hi)};
}

inline IntLanes int_sub(IntLanes a, IntLanes b) {
  return {_mm256_sub_epi32(a.lo, b.lo), _mm256_sub_epi32(a.hi, b.hi)};
}

template <int kBits>
inline IntLanes shift_left(IntLanes a) {
  return {_mm256_slli_epi32(a.lo, kBits), _mm256_slli_epi32(a.hi, kBits)};
}

template <int kBits>
inline IntLanes shift_right(IntLanes a) {
  return {_mm256_srai_epi32(a.lo, kBits), _mm256_srai_epi32(a.hi, kBits)};
}

inline float reduce_add(Lanes a) {
  const __m256 eight = _mm256_add_ps(a.lo, a.hi);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight),
                                 _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/// reduce_add of v[0] to v[7].
inline __m256 reduce_eight(const Lanes* v) {
  __m256 four[4];  // halves: what is left of v[k] and of v[4 + k]
  CSM_UNROLL
  for (int k = 0; k < 4; ++k) {
    const __m256 a = _mm256_add_ps(v[k].lo, v[k].hi);
    const __m256 b = _mm256_add_ps(v[4 + k].lo, v[4 + k].hi);
    four[k] = _mm256_add_ps(_mm256_permute2f128_ps(a, b, 0x20),
                            _mm256_permute2f128_ps(a, b, 0x31));
  }
  __m256 two[2];
  CSM_UNROLL
  for (int k = 0; k < 2; ++k) {
    const __m256 a = four[2 * k];
    const __m256 b = four[2 * k + 1];
    two[k] = _mm256_add_ps(_mm256_shuffle_ps(a, b, 0x44),
                           _mm256_shuffle_ps(a, b, 0xEE));
  }
  return _mm256_add_ps(_mm256_shuffle_ps(two[0], two[1], 0x88),
                       _mm256_shuffle_ps(two[0], two[1], 0xDD));
}

inline Lanes reduce_each(const Lanes (&v)[16]) {
  return {reduce_eight(v), reduce_eight(v + 8)};
}

inline float reduce_max(Lanes a) {
  const __m256 eight = _mm256_max_ps(a.lo, a.hi);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight),
                                 _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

}  // namespace csm::kernels::avx2
CSM_TARGET_END
