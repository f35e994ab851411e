#pragma once

#include <cstddef>
#include <cstdint>

#include "csm/kernels/simd_scalar.h"

// The vocabulary of the integer products in plain C++, and its documentation;
// dot_avx2.h, dot_avx512vnni.h, dot_neon.h and dot_neondot.h have the same
// names. Sums are exact in 32 bits, so their results are equal everywhere.
//
// Weights come as blocks of 64 bytes for 16 matrix rows (affine_tiles.h), codes
// of inputs in a form that each instruction set chooses for itself.
namespace csm::kernels::scalar {

/// Input rows that one pass over a tile can hold in registers, a power of 2.
inline constexpr unsigned kDotRows = 4;

/// Input rows of a pass over two tiles of 4 bits, a multiple of 4; half as many
/// with tiles of 8 bits. 0 where that gains nothing and there are no
/// dot_pair4() and dot_pair8().
inline constexpr unsigned kPairRows = 0;

/// Bytes of one input code for 4-bit weights; for 8-bit weights it is 2.
inline constexpr int kCodeBytes4 = 2;

/// Stores codes i..i+15 of a group of `group` columns that begins at `codes`,
/// in [-127, 127], for 4-bit weights.
inline void store_codes4(std::byte* codes, int /*group*/, int i,
                         const IntLanes& v) {
  for (int l = 0; l < kLanes; ++l) {
    const auto code = static_cast<std::int16_t>(v.v[l]);
    __builtin_memcpy(codes + 2 * (i + l), &code, 2);
  }
}

/// The same in [-16319, 16319] for 8-bit weights.
inline void store_codes8(std::byte* codes, int group, int i,
                         const IntLanes& v) {
  store_codes4(codes, group, i, v);
}

inline std::int32_t code_at(const std::byte* codes, int i) {
  std::int16_t code;
  __builtin_memcpy(&code, codes + 2 * i, 2);
  return code;
}

/// dots[r].v[o] = sum over the group of weight[o] * code[r], with 4-bit
/// weights. The codes of row r begin at codes + r * stride.
template <unsigned kRows>
inline void dot_group4(const std::byte* w, const std::byte* codes,
                       std::int64_t stride, int group,
                       IntLanes (&dots)[kRows]) {
  for (IntLanes& dot : dots) dot = int_splat(0);
  for (int k = 0; k < group; k += 8, w += 64) {
    for (unsigned r = 0; r < kRows; ++r) {
      for (int b = 0; b < 64; ++b) {
        const auto pair = static_cast<std::int32_t>(w[b]);
        const std::byte* at = codes + r * stride;
        dots[r].v[b / 4] += (pair & 15) * code_at(at, k + b % 4) +
                            (pair >> 4) * code_at(at, k + 4 + b % 4);
      }
    }
  }
}

/// The same with 8-bit weights.
template <unsigned kRows>
inline void dot_group8(const std::byte* w, const std::byte* codes,
                       std::int64_t stride, int group,
                       IntLanes (&dots)[kRows]) {
  for (IntLanes& dot : dots) dot = int_splat(0);
  for (int k = 0; k < group; k += 4, w += 64) {
    for (unsigned r = 0; r < kRows; ++r) {
      for (int b = 0; b < 64; ++b) {
        dots[r].v[b / 4] += static_cast<std::int32_t>(w[b]) *
                            code_at(codes + r * stride, k + b % 4);
      }
    }
  }
}

}  // namespace csm::kernels::scalar
