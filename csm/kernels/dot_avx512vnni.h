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
inline constexpr unsigned kPairRows = 8;
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

/// sum += products of the bytes of w and x, four to a lane. As an instruction
/// of our own: with the intrinsic GCC 12 copies every sum twice in each step,
/// and to memory where there are many.
CSM_INLINE void add_dots(__m512i& sum, __m512i w, __m512i x) {
  asm("vpdpbusd %2, %1, %0" : "+v"(sum) : "v"(w), "v"(x));
}

/// The upper 4 bits of a group count 16 times.
inline IntLanes join_halves(__m512i low, __m512i high) {
  return int_add({low}, shift_right<4>({high}));
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
        add_dots(low[r], v_low, spread_codes(at));
        add_dots(high[r], v_high, spread_codes(at + 4));
      }
    }
  }
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    dots[r] = join_halves(low[r], high[r]);
  }
}

/// The same for the tiles at w[0] and w[1]: a spread code serves both. Here the
/// shift of the upper 4 bits costs less than a second sum for each row.
template <unsigned kRows>
CSM_INLINE void dot_pair4(const std::byte* const (&w)[2],
                          const std::byte* codes, std::int64_t stride,
                          int group, IntLanes (&dots)[2][kRows]) {
  const __m512i mask = _mm512_set1_epi8(0x0F);
  __m512i sums[2][kRows];
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    sums[0][r] = sums[1][r] = _mm512_setzero_si512();
  }
  const std::int64_t n_bytes = 8 * std::int64_t{group};
  for (std::int64_t k = 0; k < n_bytes; k += 64, codes += 8) {
    const __m512i v0 = load_block(w[0] + k);
    const __m512i v1 = load_block(w[1] + k);
    const __m512i low0 = _mm512_and_si512(v0, mask);
    const __m512i low1 = _mm512_and_si512(v1, mask);
    const __m512i high0 = _mm512_and_si512(_mm512_srli_epi16(v0, 4), mask);
    const __m512i high1 = _mm512_and_si512(_mm512_srli_epi16(v1, 4), mask);
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      const __m512i x = spread_codes(codes + r * stride);
      add_dots(sums[0][r], low0, x);
      add_dots(sums[1][r], low1, x);
    }
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      const __m512i x = spread_codes(codes + r * stride + 4);
      add_dots(sums[0][r], high0, x);
      add_dots(sums[1][r], high1, x);
    }
  }
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    dots[0][r] = {sums[0][r]};
    dots[1][r] = {sums[1][r]};
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
        add_dots(upper[r], v, spread_codes(at));
        add_dots(lower[r], v, spread_codes(at + group));
      }
    }
  }
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    dots[r] = int_add(shift_left<7>({upper[r]}), {lower[r]});
  }
}

/// The same for the tiles at w[0] and w[1].
template <unsigned kRows>
CSM_INLINE void dot_pair8(const std::byte* const (&w)[2],
                          const std::byte* codes, std::int64_t stride,
                          int group, IntLanes (&dots)[2][kRows]) {
  __m512i upper[2][kRows];
  __m512i lower[2][kRows];
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    upper[0][r] = upper[1][r] = _mm512_setzero_si512();
    lower[0][r] = lower[1][r] = _mm512_setzero_si512();
  }
  const std::int64_t n_bytes = 16 * std::int64_t{group};
  for (std::int64_t k = 0; k < n_bytes; k += 64, codes += 4) {
    const __m512i first = load_block(w[0] + k);
    const __m512i second = load_block(w[1] + k);
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      const __m512i x = spread_codes(codes + r * stride);
      add_dots(upper[0][r], first, x);
      add_dots(upper[1][r], second, x);
    }
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      const __m512i x = spread_codes(codes + r * stride + group);
      add_dots(lower[0][r], first, x);
      add_dots(lower[1][r], second, x);
    }
  }
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    dots[0][r] = int_add(shift_left<7>({upper[0][r]}), {lower[0][r]});
    dots[1][r] = int_add(shift_left<7>({upper[1][r]}), {lower[1][r]});
  }
}

}  // namespace csm::kernels::avx512vnni
CSM_TARGET_END
