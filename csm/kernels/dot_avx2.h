#pragma once

#include <cstddef>
#include <cstdint>

#include "csm/kernels/simd_avx2.h"

// The vocabulary of the integer products for AVX2; see dot_scalar.h. 4-bit
// weights meet 8-bit codes in pairs of 16-bit sums (8 of them stay below
// 8 * 2 * 15 * 127 = 30480), 8-bit weights are widened and meet 16-bit codes.
CSM_TARGET_BEGIN_AVX2
namespace csm::kernels::avx2 {

inline constexpr unsigned kDotRows = 2;
inline constexpr unsigned kPairRows = 0;
inline constexpr int kCodeBytes4 = 1;

inline __m256i* vector_at(std::byte* p) {
  return static_cast<__m256i*>(static_cast<void*>(p));
}

inline const __m256i* vector_at(const std::byte* p) {
  return static_cast<const __m256i*>(static_cast<const void*>(p));
}

/// 16 lanes of 16 bits in order.
inline __m256i narrow(IntLanes v) {
  return _mm256_permute4x64_epi64(_mm256_packs_epi32(v.lo, v.hi),
                                  _MM_SHUFFLE(3, 1, 2, 0));
}

inline void store_codes4(std::byte* codes, int /*group*/, int i, IntLanes v) {
  const __m256i words = narrow(v);
  const __m128i bytes = _mm_packs_epi16(_mm256_castsi256_si128(words),
                                        _mm256_extracti128_si256(words, 1));
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(codes + i)), bytes);
}

inline void store_codes8(std::byte* codes, int /*group*/, int i, IntLanes v) {
  _mm256_storeu_si256(vector_at(codes + 2 * i), narrow(v));
}

inline __m256i spread_4_bytes(const std::byte* codes) {
  std::int32_t four;
  __builtin_memcpy(&four, codes, 4);
  return _mm256_set1_epi32(four);
}

inline __m256i spread_8_bytes(const std::byte* codes) {
  long long eight;
  __builtin_memcpy(&eight, codes, 8);
  return _mm256_set1_epi64x(eight);
}

/// Adds 32 columns to 16-bit sums of column pairs and these to `dots`.
template <unsigned kRows>
CSM_INLINE void add_32_columns4(const std::byte* w, const std::byte* codes,
                                std::int64_t stride, IntLanes (&dots)[kRows]) {
  const __m256i mask = _mm256_set1_epi8(0x0F);
  __m256i lo[kRows];
  __m256i hi[kRows];
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) lo[r] = hi[r] = _mm256_setzero_si256();
  CSM_UNROLL
  for (int b = 0; b < 4; ++b) {
    const __m256i v_lo = _mm256_loadu_si256(vector_at(w + 64 * b));
    const __m256i v_hi = _mm256_loadu_si256(vector_at(w + 64 * b + 32));
    const __m256i first_lo = _mm256_and_si256(v_lo, mask);
    const __m256i first_hi = _mm256_and_si256(v_hi, mask);
    const __m256i next_lo = _mm256_and_si256(_mm256_srli_epi16(v_lo, 4), mask);
    const __m256i next_hi = _mm256_and_si256(_mm256_srli_epi16(v_hi, 4), mask);
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      const std::byte* at = codes + r * stride + 8 * b;
      const __m256i first = spread_4_bytes(at);
      const __m256i next = spread_4_bytes(at + 4);
      lo[r] = _mm256_add_epi16(lo[r], _mm256_maddubs_epi16(first_lo, first));
      hi[r] = _mm256_add_epi16(hi[r], _mm256_maddubs_epi16(first_hi, first));
      lo[r] = _mm256_add_epi16(lo[r], _mm256_maddubs_epi16(next_lo, next));
      hi[r] = _mm256_add_epi16(hi[r], _mm256_maddubs_epi16(next_hi, next));
    }
  }
  const __m256i ones = _mm256_set1_epi16(1);
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    dots[r] = int_add(dots[r], {_mm256_madd_epi16(lo[r], ones),
                                _mm256_madd_epi16(hi[r], ones)});
  }
}

template <unsigned kRows>
CSM_INLINE void dot_group4(const std::byte* w, const std::byte* codes,
                           std::int64_t stride, int group,
                           IntLanes (&dots)[kRows]) {
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) dots[r] = int_splat(0);
  for (int k = 0; k < group; k += 32, w += 256, codes += 32) {
    add_32_columns4<kRows>(w, codes, stride, dots);
  }
}

/// Sums of column pairs to sums: 4 matrix rows a vector to 8.
inline __m256i join_pairs(__m256i a, __m256i b) {
  return _mm256_permute4x64_epi64(_mm256_hadd_epi32(a, b),
                                  _MM_SHUFFLE(3, 1, 2, 0));
}

template <unsigned kRows>
CSM_INLINE void dot_group8(const std::byte* w, const std::byte* codes,
                           std::int64_t stride, int group,
                           IntLanes (&dots)[kRows]) {
  __m256i sums[4][kRows];
  CSM_UNROLL
  for (int q = 0; q < 4; ++q) {
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) sums[q][r] = _mm256_setzero_si256();
  }
  for (int k = 0; k < group; k += 4, w += 64) {
    __m256i four[kRows];
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      four[r] = spread_8_bytes(codes + r * stride + 2 * k);
    }
    CSM_UNROLL
    for (int q = 0; q < 4; ++q) {
      const __m256i v = _mm256_cvtepu8_epi16(_mm_loadu_si128(
          static_cast<const __m128i*>(static_cast<const void*>(w + 16 * q))));
      CSM_UNROLL
      for (unsigned r = 0; r < kRows; ++r) {
        sums[q][r] =
            _mm256_add_epi32(sums[q][r], _mm256_madd_epi16(v, four[r]));
      }
    }
  }
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    dots[r] = {join_pairs(sums[0][r], sums[1][r]),
               join_pairs(sums[2][r], sums[3][r])};
  }
}

}  // namespace csm::kernels::avx2
CSM_TARGET_END
