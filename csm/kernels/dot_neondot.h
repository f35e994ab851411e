#pragma once

#include <cstddef>
#include <cstdint>

#include "csm/kernels/simd_neon.h"

// The vocabulary of the integer products for 64-bit Arm with the dot product;
// see dot_scalar.h. The instruction multiplies bytes of one signedness, so
// 8-bit weights enter as w - 128, and 128 times the sum of the codes is added
// behind.
CSM_TARGET_BEGIN_NEONDOT
namespace csm::kernels::neondot {

using namespace neon;  // the float lanes

inline constexpr unsigned kDotRows = 2;
inline constexpr unsigned kPairRows = 0;
inline constexpr int kCodeBytes4 = 1;

inline uint8x16_t load_bytes(const std::byte* p) {
  return vld1q_u8(
      static_cast<const std::uint8_t*>(static_cast<const void*>(p)));
}

inline std::int8_t* bytes_at(std::byte* p) {
  return static_cast<std::int8_t*>(static_cast<void*>(p));
}

inline void store_bytes(std::byte* to, const IntLanes& v) {
  const int16x8_t lower = vcombine_s16(vmovn_s32(v.v[0]), vmovn_s32(v.v[1]));
  const int16x8_t upper = vcombine_s16(vmovn_s32(v.v[2]), vmovn_s32(v.v[3]));
  vst1q_s8(bytes_at(to), vcombine_s8(vmovn_s16(lower), vmovn_s16(upper)));
}

inline void store_codes4(std::byte* codes, int /*group*/, int i,
                         const IntLanes& v) {
  store_bytes(codes + i, v);
}

/// As 128 * upper + lower with upper in [-127, 127], lower in [-64, 63]: first
/// the upper bytes of the group, then the lower ones.
inline void store_codes8(std::byte* codes, int group, int i,
                         const IntLanes& v) {
  const IntLanes upper = shift_right<7>(int_add(v, int_splat(64)));
  store_bytes(codes + i, upper);
  store_bytes(codes + group + i, int_sub(v, shift_left<7>(upper)));
}

inline int8x16_t load_codes(const std::byte* codes) {
  return vreinterpretq_s8_u8(load_bytes(codes));
}

/// Four codes in every lane.
inline int8x16_t spread_codes(const std::byte* codes) {
  std::int32_t four;
  __builtin_memcpy(&four, codes, 4);
  return vreinterpretq_s8_s32(vdupq_n_s32(four));
}

template <unsigned kRows>
CSM_INLINE void dot_group4(const std::byte* w, const std::byte* codes,
                           std::int64_t stride, int group,
                           IntLanes (&dots)[kRows]) {
  const uint8x16_t mask = vdupq_n_u8(0x0F);
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) dots[r] = int_splat(0);
  for (int k = 0; k < group; k += 8, w += 64, codes += 8) {
    int8x16_t first[kRows];
    int8x16_t next[kRows];
    CSM_UNROLL
    for (unsigned r = 0; r < kRows; ++r) {
      first[r] = spread_codes(codes + r * stride);
      next[r] = spread_codes(codes + r * stride + 4);
    }
    CSM_UNROLL
    for (int q = 0; q < 4; ++q) {
      const uint8x16_t v = load_bytes(w + 16 * q);
      const int8x16_t v_first = vreinterpretq_s8_u8(vandq_u8(v, mask));
      const int8x16_t v_next = vreinterpretq_s8_u8(vshrq_n_u8(v, 4));
      CSM_UNROLL
      for (unsigned r = 0; r < kRows; ++r) {
        dots[r].v[q] = vdotq_s32(dots[r].v[q], v_first, first[r]);
        dots[r].v[q] = vdotq_s32(dots[r].v[q], v_next, next[r]);
      }
    }
  }
}

/// Sums of weight - 128 times upper and lower code bytes.
template <unsigned kRows>
CSM_INLINE void add_group8(const std::byte* w, const std::byte* codes,
                           std::int64_t stride, int group,
                           IntLanes (&upper)[kRows], IntLanes (&lower)[kRows]) {
  const uint8x16_t sign = vdupq_n_u8(0x80);
  for (int k = 0; k < group; k += 4, w += 64) {
    CSM_UNROLL
    for (int q = 0; q < 4; ++q) {
      const int8x16_t v =
          vreinterpretq_s8_u8(veorq_u8(load_bytes(w + 16 * q), sign));
      CSM_UNROLL
      for (unsigned r = 0; r < kRows; ++r) {
        const std::byte* at = codes + r * stride + k;
        upper[r].v[q] = vdotq_s32(upper[r].v[q], v, spread_codes(at));
        lower[r].v[q] = vdotq_s32(lower[r].v[q], v, spread_codes(at + group));
      }
    }
  }
}

/// Sum of n code bytes, n a multiple of 16.
CSM_INLINE std::int32_t sum_bytes(const std::byte* codes, int n) {
  int32x4_t sum = vdupq_n_s32(0);
  for (int i = 0; i < n; i += 16) {
    sum = vdotq_s32(sum, vdupq_n_s8(1), load_codes(codes + i));
  }
  return vaddvq_s32(sum);
}

template <unsigned kRows>
CSM_INLINE void dot_group8(const std::byte* w, const std::byte* codes,
                           std::int64_t stride, int group,
                           IntLanes (&dots)[kRows]) {
  IntLanes upper[kRows];
  IntLanes lower[kRows];
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) upper[r] = lower[r] = int_splat(0);
  add_group8<kRows>(w, codes, stride, group, upper, lower);
  CSM_UNROLL
  for (unsigned r = 0; r < kRows; ++r) {
    const std::byte* at = codes + r * stride;
    const std::int32_t sum =
        128 * sum_bytes(at, group) + sum_bytes(at + group, group);
    dots[r] = int_add(int_add(shift_left<7>(upper[r]), lower[r]),
                      int_splat(128 * sum));
  }
}

}  // namespace csm::kernels::neondot
CSM_TARGET_END
