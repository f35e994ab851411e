#pragma once

#include <cstddef>
#include <cstdint>

#include "csm/kernels/isa.h"
#include "csm/kernels/parallel.h"
#include "csm/kernels/weight_view.h"

namespace csm::kernels {

/// Integer weights in rows, as MLX's quantize() makes and its files hold them:
///   w[o][i] = scales[o][i / group] * q[o][i] + biases[o][i / group]
/// with q in words of 32 bits, the first column in the lowest bits. Does not
/// own anything.
struct AffineRows {
  const std::uint32_t* words = nullptr;  // [n_out, n_in * bits / 32]
  const float* scales = nullptr;         // [n_out, n_in / group]
  const float* biases = nullptr;         // the same
  WeightType type = WeightType::kInt8;   // kInt8 or kInt4
  int group = 64;
  std::int64_t n_out = 0;
  std::int64_t n_in = 0;  // a multiple of the group
};

/// Where quantize_rows() writes; see AffineRows.
struct AffineOutput {
  std::uint32_t* words = nullptr;
  float* scales = nullptr;
  float* biases = nullptr;
};

/// Quantises n_out rows of n_in finite floats.
///
/// MLX's choice: the extreme of a group that is farther from zero becomes its
/// bias, and the scale is such that zero is a multiple of it away. With scales
/// of bfloat16 both are rounded (to nearest, ties to even) before q is chosen,
/// so that rounding them costs nothing but the end of the range; and for 4 bits
/// scale and bias are refined by least squares, alternating with q, and taken
/// where that lowers the group's squared error, which it never raises
/// (docs/quantisation.md has the gain).
///
/// Exact: with float32 scales bit-equal to mx::quantize of MLX 0.32.4
/// (quantized_op_test.cpp); bit-equal for every Isa and thread count
/// (affine_test.cpp).
/// Allocates nothing.
void quantize_rows(const float* w, WeightType type, GroupFormat format,
                   std::int64_t n_out, std::int64_t n_in,
                   const AffineOutput& out, ThreadPool* pool,
                   Isa isa = kernel_isa());

/// Element q of a row's words.
[[nodiscard]] inline std::uint32_t affine_element(const std::uint32_t* words,
                                                  WeightType type,
                                                  std::int64_t i) {
  const auto bits = static_cast<unsigned>(bits_of(type));
  const auto bit = static_cast<std::uint64_t>(i) * bits;
  return (words[bit / 32] >> (bit % 32)) & ((1U << bits) - 1U);
}

/// Nearest bfloat16, ties to even, of a finite number: as float and as bits.
[[nodiscard]] float round_to_bf16(float x);
[[nodiscard]] std::uint16_t bf16_bits(float x);

}  // namespace csm::kernels
