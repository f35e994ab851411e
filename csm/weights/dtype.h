#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace csm::weights {

/// Element types of stored tensors, named as safetensors names them, and
/// blocks of elements, named as GGUF names them.
enum class Dtype {
  kBool,
  kU8,
  kI8,
  kF8E4M3,
  kF8E5M2,
  kU16,
  kI16,
  kF16,
  kBf16,
  kU32,
  kI32,
  kF32,
  kU64,
  kI64,
  kF64,
  kQ4_0,
  kQ8_0,
  kQ4K,
  kQ5K,
  kQ6K,
};

/// True for a type whose elements come in blocks that share scales.
[[nodiscard]] bool is_block(Dtype dtype);
/// Elements and bytes of a block; 1 and the element's size of other types.
[[nodiscard]] std::size_t block_values(Dtype dtype);
[[nodiscard]] std::size_t block_bytes(Dtype dtype);
/// Bytes of one element. Precondition: not is_block(dtype).
[[nodiscard]] std::size_t size_of(Dtype dtype);
/// "F32", "BF16", "Q4_K", ...
[[nodiscard]] const char* to_string(Dtype dtype);
/// Of a name in a safetensors file, which has no blocks.
[[nodiscard]] std::optional<Dtype> parse_dtype(std::string_view name);

}  // namespace csm::weights
