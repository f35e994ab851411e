#pragma once

#include <immintrin.h>

#include <cstdint>

#include "csm/kernels/simd_target.h"

// The SIMD vocabulary for x86-64 with AVX-512 F, BW, DQ and VL; see
// simd_scalar.h.
CSM_TARGET_BEGIN_AVX512
namespace csm::kernels::avx512 {

struct Lanes {
  __m512 v;
};

struct IntLanes {
  __m512i v;
};

inline constexpr int kLanes = 16;
inline constexpr unsigned kStreamRows = 4;
inline constexpr unsigned kTileRows = 6;
inline constexpr unsigned kTileOuts = 4;

inline Lanes splat(float x) { return {_mm512_set1_ps(x)}; }

inline Lanes zero() { return {_mm512_setzero_ps()}; }

inline Lanes load(const float* p) { return {_mm512_loadu_ps(p)}; }

inline Lanes widen(__m256i x) {
  const __m512i wide = _mm512_maskz_cvtepu16_epi32(0xFFFF, x);
  return {_mm512_castsi512_ps(_mm512_maskz_slli_epi32(0xFFFF, wide, 16))};
}

inline Lanes load(const Bf16* p) {
  return widen(_mm256_loadu_si256(reinterpret_cast<const __m256i*>(p)));
}

inline __mmask16 first_mask(int n) {
  return static_cast<__mmask16>((1U << static_cast<unsigned>(n)) - 1U);
}

inline Lanes load_first(const float* p, int n) {
  return {_mm512_maskz_loadu_ps(first_mask(n), p)};
}

inline Lanes load_first(const Bf16* p, int n) {
  return widen(_mm256_maskz_loadu_epi16(first_mask(n), p));
}

inline void store(float* p, Lanes a) { _mm512_storeu_ps(p, a.v); }

inline void store_first(float* p, Lanes a, int n) {
  _mm512_mask_storeu_ps(p, first_mask(n), a.v);
}

inline Lanes first_lanes(Lanes a, int n) {
  return {_mm512_maskz_mov_ps(first_mask(n), a.v)};
}

inline Lanes abs(Lanes a) {
  const __m512i magnitude = _mm512_set1_epi32(0x7FFFFFFF);
  return {_mm512_castsi512_ps(
      _mm512_and_si512(_mm512_castps_si512(a.v), magnitude))};
}

inline Lanes add(Lanes a, Lanes b) { return {_mm512_add_ps(a.v, b.v)}; }

inline Lanes sub(Lanes a, Lanes b) { return {_mm512_sub_ps(a.v, b.v)}; }

inline Lanes mul(Lanes a, Lanes b) { return {_mm512_mul_ps(a.v, b.v)}; }

inline Lanes div(Lanes a, Lanes b) { return {_mm512_div_ps(a.v, b.v)}; }

inline Lanes fma(Lanes a, Lanes b, Lanes c) {
  return {_mm512_fmadd_ps(a.v, b.v, c.v)};
}

inline Lanes select_less(Lanes a, Lanes b, Lanes x, Lanes y) {
  const __mmask16 less = _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ);
  return {_mm512_mask_blend_ps(less, y.v, x.v)};
}

inline std::uint32_t mask_less(Lanes a, Lanes b) {
  return _mm512_cmp_ps_mask(a.v, b.v, _CMP_LT_OQ);
}

inline IntLanes bits(Lanes a) { return {_mm512_castps_si512(a.v)}; }

inline Lanes from_bits(IntLanes a) { return {_mm512_castsi512_ps(a.v)}; }

inline Lanes to_float(IntLanes a) {
  return {_mm512_maskz_cvtepi32_ps(0xFFFF, a.v)};
}

inline IntLanes int_splat(std::int32_t x) { return {_mm512_set1_epi32(x)}; }

inline IntLanes int_add(IntLanes a, IntLanes b) {
  return {_mm512_add_epi32(a.v, b.v)};
}

inline IntLanes int_sub(IntLanes a, IntLanes b) {
  return {_mm512_sub_epi32(a.v, b.v)};
}

// The zero-masked forms below avoid GCC 12's false "may be used
// uninitialized" for the plain ones.
template <int kBits>
inline IntLanes shift_left(IntLanes a) {
  return {_mm512_maskz_slli_epi32(0xFFFF, a.v, kBits)};
}

template <int kBits>
inline IntLanes shift_right(IntLanes a) {
  return {_mm512_maskz_srai_epi32(0xFFFF, a.v, kBits)};
}

inline float reduce_add(Lanes a) {
  const __m256 lower = _mm512_maskz_extractf32x8_ps(0xFF, a.v, 0);
  const __m256 upper = _mm512_maskz_extractf32x8_ps(0xFF, a.v, 1);
  const __m256 eight = _mm256_add_ps(lower, upper);
  const __m128 four = _mm_add_ps(_mm256_castps256_ps128(eight),
                                 _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_add_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_add_ss(two, _mm_movehdup_ps(two)));
}

/// Adds the lower to the upper half of a, and of b.
inline __m512 add_halves(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_maskz_shuffle_f32x4(0xFFFF, a, b, 0x44),
                       _mm512_maskz_shuffle_f32x4(0xFFFF, a, b, 0xEE));
}

/// The same of both halves of a, and of b.
inline __m512 add_quarters(__m512 a, __m512 b) {
  return _mm512_add_ps(_mm512_maskz_shuffle_f32x4(0xFFFF, a, b, 0x88),
                       _mm512_maskz_shuffle_f32x4(0xFFFF, a, b, 0xDD));
}

inline Lanes reduce_each(const Lanes (&v)[16]) {
  __m512 four[4];  // block j of four[k]: what is left of v[4 j + k]
  CSM_UNROLL
  for (int k = 0; k < 4; ++k) {
    four[k] = add_quarters(add_halves(v[k].v, v[4 + k].v),
                           add_halves(v[8 + k].v, v[12 + k].v));
  }
  __m512 two[2];
  CSM_UNROLL
  for (int k = 0; k < 2; ++k) {
    const __m512 a = four[2 * k];
    const __m512 b = four[2 * k + 1];
    two[k] = _mm512_add_ps(_mm512_maskz_shuffle_ps(0xFFFF, a, b, 0x44),
                           _mm512_maskz_shuffle_ps(0xFFFF, a, b, 0xEE));
  }
  return {_mm512_add_ps(_mm512_maskz_shuffle_ps(0xFFFF, two[0], two[1], 0x88),
                        _mm512_maskz_shuffle_ps(0xFFFF, two[0], two[1], 0xDD))};
}

inline float reduce_max(Lanes a) {
  const __m256 lower = _mm512_maskz_extractf32x8_ps(0xFF, a.v, 0);
  const __m256 upper = _mm512_maskz_extractf32x8_ps(0xFF, a.v, 1);
  const __m256 eight = _mm256_max_ps(lower, upper);
  const __m128 four = _mm_max_ps(_mm256_castps256_ps128(eight),
                                 _mm256_extractf128_ps(eight, 1));
  const __m128 two = _mm_max_ps(four, _mm_movehl_ps(four, four));
  return _mm_cvtss_f32(_mm_max_ss(two, _mm_movehdup_ps(two)));
}

}  // namespace csm::kernels::avx512
CSM_TARGET_END
