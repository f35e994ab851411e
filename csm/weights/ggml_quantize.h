#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "csm/weights/dtype.h"

namespace csm::weights {

/// True for the blocks that quantize_blocks() makes: Q4_0 and Q8_0.
[[nodiscard]] bool is_quantizable_to(Dtype dtype);

/// Values as whole blocks of integers, in their order; dequantize_blocks() is
/// the way back. Q8_0 takes the largest magnitude as 127, Q4_0 the value of
/// largest magnitude as -8; a block of zeros has the scale 0.
///
/// out  room for the blocks of values.size() finite values
/// returns  index of the first value of a block whose scale half precision
///          cannot hold; nothing if there is none
///
/// Exact: bytes as PyPI gguf's quantize makes them
/// (csm/weights/gguf_writer_test.cpp).
/// Precondition: is_quantizable_to(dtype), a multiple of block_values(dtype)
/// values. Threads: thread-safe.
[[nodiscard]] std::optional<std::size_t> quantize_blocks(
    Dtype dtype, std::span<const float> values, std::byte* out);

}  // namespace csm::weights
