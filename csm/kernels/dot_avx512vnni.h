#pragma once

#include <cstddef>
#include <cstdint>

#include "csm/kernels/simd_avx512.h"

// The vocabulary of the integer products for AVX-512 with VNNI; see
// dot_scalar.h. Lane o of a vector is matrix row o: each instruction multiplies
// 4 columns of 16 rows, and nothing is summed across lanes.
CSM_TARGET_BEGIN_AVX512VNNI
namespace csm::kernels::avx512vnni {

using namespace avx512;  // the float lanes

inline constexpr unsigned kDotRows = 8;
inline constexpr int kCodeBytes4 = 1;

inline void store_bytes(std::byte* to, __m512i v) {
  _mm_storeu_si128(static_cast<__m128i*>(static_cast<void*>(to)),
                   _mm512_maskz_cvtepi32_epi8(0xFFFF, v));
}

inline void store_codes4(std::byte* codes, int /*group*/, int i, IntLanes v) {
  store_bytes(codes + i, v.v);
}

/// As 128 * upper + lower with upper in [-127, 127], lower in [-64, 63]: first
/// the upper bytes of the group, then the lower ones.
inline void store_codes8(std::byte* codes, int group, int i, IntLanes v) {
  const IntLanes upper = shift_right<7>(int_add(v, int_splat(64)));
  store_bytes(codes + i, upper.v);
  store_bytes(codes + group + i, int_sub(v, shift_left<7>(upper)).v);
}

inline __m512i load_block(const std::byte* w) {
  return _mm512_loadu_si512(static_cast<const void*>(w));
}

/// Four codes in every lane.
inline __m512i spread_codes(const std::byte* codes) {
  std::int32_t four;
  __builtin_memcpy(&four, codes, 4);
  return _mm512_set1_epi32(four);
}

/// The upper 4 bits are taken as 16 times their value, which costs no shift.
template <unsigned kRows>
CSM_INLINE void dot_group4(const std::byte* w, const std::byte* codes,
                           std::int64_t stride, int group,
                           IntLanes (&dots)[kRows]) {
  const __m512i low_mask = _mm512_set1_epi8(0x0F);
  const __m512i high_mask = _mm512_set1_epi8(static_cast<char>(0xF0));
  __m512i low[kRows];
  __m512i high[kRows];
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r)
    low[r] = high[r] = _mm512_setzero_si512();
  for (int k = 0; k < group; k += 32, codes += 32) {
    CSM_UNROLL
    for (int b = 0; b < 4; ++b, w += 64) {
      const __m512i v = load_block(w);
      const __m512i v_low = _mm512_and_si512(v, low_mask);
      const __m512i v_high = _mm512_and_si512(v, high_mask);
      CSM_UNROLL
      for (unsigned r = 0; r < kRows; ++r) {
        const std::byte* at = codes + r * stride + 8 * b;
        low[r] = _mm512_dpbusd_epi32(low[r], v_low, spread_codes(at));
        high[r] = _mm512_dpbusd_epi32(high[r], v_high, spread_codes(at + 4));
      }
    }
  }
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    dots[r] = int_add({low[r]}, shift_right<4>({high[r]}));
  }
}

template <unsigned kRows>
CSM_INLINE void dot_group8(const std::byte* w, const std::byte* codes,
                           std::int64_t stride, int group,
                           IntLanes (&dots)[kRows]) {
  __m512i upper[kRows];
  __m512i lower[kRows];
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    upper[r] = lower[r] = _mm512_setzero_si512();
  }
  for (int k = 0; k < group; k += 16, codes += 16) {
    CSM_UNROLL
    for (int b = 0; b < 4; ++b, w += 64) {
      const __m512i v = load_block(w);
      CSM_UNROLL
      for (unsigned r = 0; r < kRows; ++r) {
        const std::byte* at = codes + r * stride + 4 * b;
        upper[r] = _mm512_dpbusd_epi32(upper[r], v, spread_codes(at));
        lower[r] = _mm512_dpbusd_epi32(lower[r], v, spread_codes(at + group));
      }
    }
  }
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    dots[r] = int_add(shift_left<7>({upper[r]}), {lower[r]});
  }
}

}  // namespace csm::kernels::avx512vnni
CSM_TARGET_END
