#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

namespace csm::weights {

/// Element types of stored tensors, named as safetensors names them.
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
};

/// Bytes of one element.
[[nodiscard]] std::size_t size_of(Dtype dtype);
/// "F32", "BF16", ...
[[nodiscard]] const char* to_string(Dtype dtype);
[[nodiscard]] std::optional<Dtype> parse_dtype(std::string_view name);

}  // namespace csm::weights
