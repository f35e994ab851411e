#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "csm/weights/dtype.h"
#include "csm/weights/quantization.h"

namespace csm::weights {

// GGUF's blocks of integers (is_block()). d and dmin are half precision, sc
// and m integers of a sub-block, q those of the values:
//   Q4_0  32 values  d q                    q in -8..7
//   Q8_0  32         d q                    q in -128..127
//   Q4_K  256        (d sc) q - (dmin m)    q in 0..15, sub-blocks of 32
//   Q5_K  256        (d sc) q - (dmin m)    q in 0..31, sub-blocks of 32
//   Q6_K  256        (d sc) q               q in -32..31, sub-blocks of 16
// Source: spec/weights.md 4, PyPI gguf 0.19.0. A scale that is not finite
// makes values that are not. Threads: thread-safe.

/// The values of whole blocks, in their order.
///
/// out  room for block_values(dtype) times the number of blocks
/// Exact: bit-equal to PyPI gguf's dequantize
/// (csm/weights/ggml_blocks_test.cpp).
void dequantize_blocks(Dtype dtype, std::span<const std::byte> blocks,
                       float* out);

/// The integers, scales and biases that say the same as such blocks; nothing
/// for Q6_K, whose groups of 16 have no such form, and types without blocks.
/// Q5_K has 8 bits, of which it uses 5.
[[nodiscard]] std::optional<AffineForm> affine_form_of(Dtype dtype);

/// Whole blocks in that form.
///
/// words           of 32 bits, the first value in the lowest ones
/// scales, biases  one for each group
/// Exact: scale * q + bias in float32 is dequantize_blocks()' value; only the
/// sign of a zero may differ (csm/weights/ggml_blocks_test.cpp).
void blocks_to_affine(Dtype dtype, std::span<const std::byte> blocks,
                      std::uint32_t* words, float* scales, float* biases);

}  // namespace csm::weights
