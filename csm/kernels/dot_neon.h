#pragma once

#include <cstddef>
#include <cstdint>

#include "csm/kernels/simd_neon.h"

// The vocabulary of the integer products for 64-bit Arm without the dot
// product; see dot_scalar.h. Weights are widened to 16 bits, and each matrix
// row keeps 4 partial sums.
namespace csm::kernels::neonwide {

using namespace neon;  // the float lanes

inline constexpr unsigned kDotRows = 1;
inline constexpr unsigned kPairRows = 0;
inline constexpr int kCodeBytes4 = 2;

inline std::int16_t* words_at(std::byte* p) {
  return static_cast<std::int16_t*>(static_cast<void*>(p));
}

inline const std::int16_t* words_at(const std::byte* p) {
  return static_cast<const std::int16_t*>(static_cast<const void*>(p));
}

inline uint8x16_t load_bytes(const std::byte* p) {
  return vld1q_u8(
      static_cast<const std::uint8_t*>(static_cast<const void*>(p)));
}

inline void store_codes8(std::byte* codes, int /*group*/, int i,
                         const IntLanes& v) {
  for (int q = 0; q < 4; ++q) {
    vst1_s16(words_at(codes) + i + 4 * q, vmovn_s32(v.v[q]));
  }
}

inline void store_codes4(std::byte* codes, int group, int i,
                         const IntLanes& v) {
  store_codes8(codes, group, i, v);
}

/// Adds 4 columns of 4 matrix rows.
CSM_INLINE void add_4_columns(uint8x16_t w, int16x4_t codes, int32x4_t* sums) {
  const int16x8_t lower = vreinterpretq_s16_u16(vmovl_u8(vget_low_u8(w)));
  const int16x8_t upper = vreinterpretq_s16_u16(vmovl_u8(vget_high_u8(w)));
  sums[0] = vmlal_s16(sums[0], vget_low_s16(lower), codes);
  sums[1] = vmlal_s16(sums[1], vget_high_s16(lower), codes);
  sums[2] = vmlal_s16(sums[2], vget_low_s16(upper), codes);
  sums[3] = vmlal_s16(sums[3], vget_high_s16(upper), codes);
}

CSM_INLINE void clear_sums(int32x4_t (&sums)[16]) {
  for (int32x4_t& sum : sums) sum = vdupq_n_s32(0);
}

CSM_INLINE IntLanes join_sums(const int32x4_t (&sums)[16]) {
  IntLanes r;
  for (int q = 0; q < 4; ++q) {
    r.v[q] = vpaddq_s32(vpaddq_s32(sums[4 * q], sums[4 * q + 1]),
                        vpaddq_s32(sums[4 * q + 2], sums[4 * q + 3]));
  }
  return r;
}

template <unsigned kRows>
CSM_INLINE void dot_group4(const std::byte* w, const std::byte* codes,
                           std::int64_t /*stride*/, int group,
                           IntLanes (&dots)[kRows]) {
  static_assert(kRows == 1);
  const uint8x16_t mask = vdupq_n_u8(0x0F);
  int32x4_t sums[16];
  clear_sums(sums);
  for (int k = 0; k < group; k += 8, w += 64) {
    const int16x4_t first = vld1_s16(words_at(codes) + k);
    const int16x4_t next = vld1_s16(words_at(codes) + k + 4);
    CSM_UNROLL
    for (int q = 0; q < 4; ++q) {
      const uint8x16_t v = load_bytes(w + 16 * q);
      add_4_columns(vandq_u8(v, mask), first, sums + 4 * q);
      add_4_columns(vshrq_n_u8(v, 4), next, sums + 4 * q);
    }
  }
  dots[0] = join_sums(sums);
}

template <unsigned kRows>
CSM_INLINE void dot_group8(const std::byte* w, const std::byte* codes,
                           std::int64_t /*stride*/, int group,
                           IntLanes (&dots)[kRows]) {
  static_assert(kRows == 1);
  int32x4_t sums[16];
  clear_sums(sums);
  for (int k = 0; k < group; k += 4, w += 64) {
    const int16x4_t four = vld1_s16(words_at(codes) + k);
    CSM_UNROLL
    for (int q = 0; q < 4; ++q) {
      add_4_columns(load_bytes(w + 16 * q), four, sums + 4 * q);
    }
  }
  dots[0] = join_sums(sums);
}

}  // namespace csm::kernels::neonwide
