#pragma once

#include <arm_neon.h>

#include <cstdint>

#include "csm/kernels/simd_target.h"

// The SIMD vocabulary for 64-bit Arm; see simd_scalar.h.
namespace csm::kernels::neon {

struct Lanes {
  float32x4_t v[4];
};

struct IntLanes {
  int32x4_t v[4];
};

inline constexpr int kLanes = 16;
inline constexpr unsigned kStreamRows = 2;
inline constexpr unsigned kTileRows = 3;
inline constexpr unsigned kTileOuts = 2;

inline Lanes splat(float x) {
  const float32x4_t v = vdupq_n_f32(x);
  return {{v, v, v, v}};
}

inline Lanes zero() { return splat(0.0F); }

inline Lanes load(const float* p) {
  return {
      {vld1q_f32(p), vld1q_f32(p + 4), vld1q_f32(p + 8), vld1q_f32(p + 12)}};
}

inline float32x4_t widen(uint16x4_t x) {
  return vreinterpretq_f32_u32(vshll_n_u16(x, 16));
}

inline Lanes load(const Bf16* p) {
  const std::uint16_t* q = &p->bits;
  const uint16x8_t a = vld1q_u16(q);
  const uint16x8_t b = vld1q_u16(q + 8);
  return {{widen(vget_low_u16(a)), widen(vget_high_u16(a)),
           widen(vget_low_u16(b)), widen(vget_high_u16(b))}};
}

template <class T>
inline Lanes load_first(const T* p, int n) {
  T padded[kLanes] = {};
  for (int i = 0; i < n; ++i) padded[i] = p[i];
  return load(padded);
}

inline void store(float* p, const Lanes& a) {
  for (int i = 0; i < 4; ++i) vst1q_f32(p + 4 * i, a.v[i]);
}

inline void store_first(float* p, const Lanes& a, int n) {
  float all[kLanes];
  store(all, a);
  for (int i = 0; i < n; ++i) p[i] = all[i];
}

inline Lanes first_lanes(const Lanes& a, int n) {
  float all[kLanes];
  store(all, a);
  for (int i = n; i < kLanes; ++i) all[i] = 0.0F;
  return load(all);
}

inline Lanes abs(const Lanes& a) {
  Lanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vabsq_f32(a.v[i]);
  return r;
}

inline Lanes add(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vaddq_f32(a.v[i], b.v[i]);
  return r;
}

inline Lanes sub(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vsubq_f32(a.v[i], b.v[i]);
  return r;
}

inline Lanes mul(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vmulq_f32(a.v[i], b.v[i]);
  return r;
}

inline Lanes div(const Lanes& a, const Lanes& b) {
  Lanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vdivq_f32(a.v[i], b.v[i]);
  return r;
}

inline Lanes fma(const Lanes& a, const Lanes& b, const Lanes& c) {
  Lanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vfmaq_f32(c.v[i], a.v[i], b.v[i]);
  return r;
}

inline Lanes select_less(const Lanes& a, const Lanes& b, const Lanes& x,
                         const Lanes& y) {
  Lanes r;
  for (int i = 0; i < 4; ++i) {
    r.v[i] = vbslq_f32(vcltq_f32(a.v[i], b.v[i]), x.v[i], y.v[i]);
  }
  return r;
}

inline std::uint32_t mask_less(const Lanes& a, const Lanes& b) {
  const std::uint32_t weights[4] = {1, 2, 4, 8};
  const uint32x4_t bit = vld1q_u32(weights);
  std::uint32_t mask = 0;
  for (int i = 0; i < 4; ++i) {
    const uint32x4_t less = vandq_u32(vcltq_f32(a.v[i], b.v[i]), bit);
    mask |= vaddvq_u32(less) << (4 * i);
  }
  return mask;
}

inline IntLanes bits(const Lanes& a) {
  IntLanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vreinterpretq_s32_f32(a.v[i]);
  return r;
}

inline Lanes from_bits(const IntLanes& a) {
  Lanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vreinterpretq_f32_s32(a.v[i]);
  return r;
}

inline Lanes to_float(const IntLanes& a) {
  Lanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vcvtq_f32_s32(a.v[i]);
  return r;
}

inline IntLanes int_splat(std::int32_t x) {
  const int32x4_t v = vdupq_n_s32(x);
  return {{v, v, v, v}};
}

inline IntLanes int_add(const IntLanes& a, const IntLanes& b) {
  IntLanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vaddq_s32(a.v[i], b.v[i]);
  return r;
}

inline IntLanes int_sub(const IntLanes& a, const IntLanes& b) {
  IntLanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vsubq_s32(a.v[i], b.v[i]);
  return r;
}

template <int kBits>
inline IntLanes shift_left(const IntLanes& a) {
  IntLanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vshlq_n_s32(a.v[i], kBits);
  return r;
}

template <int kBits>
inline IntLanes shift_right(const IntLanes& a) {
  IntLanes r;
  for (int i = 0; i < 4; ++i) r.v[i] = vshrq_n_s32(a.v[i], kBits);
  return r;
}

inline float reduce_add(const Lanes& a) {
  const float32x4_t four =
      vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
  const float32x2_t two = vadd_f32(vget_low_f32(four), vget_high_f32(four));
  return vget_lane_f32(two, 0) + vget_lane_f32(two, 1);
}

inline Lanes reduce_each(const Lanes (&v)[16]) {
  Lanes r;
  for (int block = 0; block < 4; ++block) {
    float32x4_t two[2];
    for (int k = 0; k < 2; ++k) {
      float32x4_t four[2];
      for (int i = 0; i < 2; ++i) {
        const Lanes& a = v[4 * block + 2 * k + i];
        four[i] =
            vaddq_f32(vaddq_f32(a.v[0], a.v[2]), vaddq_f32(a.v[1], a.v[3]));
      }
      two[k] = vaddq_f32(
          vcombine_f32(vget_low_f32(four[0]), vget_low_f32(four[1])),
          vcombine_f32(vget_high_f32(four[0]), vget_high_f32(four[1])));
    }
    r.v[block] = vpaddq_f32(two[0], two[1]);
  }
  return r;
}

inline float reduce_max(const Lanes& a) {
  return vmaxvq_f32(
      vmaxq_f32(vmaxq_f32(a.v[0], a.v[2]), vmaxq_f32(a.v[1], a.v[3])));
}

}  // namespace csm::kernels::neon
