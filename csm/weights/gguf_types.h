#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "csm/weights/dtype.h"

namespace csm::weights {

// The numbers that GGUF files have for types of tensors. Source: PyPI gguf
// 0.19.0.

/// Nothing for types that this library does not have, and other numbers.
[[nodiscard]] std::optional<Dtype> gguf_dtype(std::uint32_t number);
/// As ggml calls it; nothing for a number that is no type.
[[nodiscard]] std::optional<std::string_view> gguf_type_name(
    std::uint32_t number);
/// Nothing for a type that GGUF does not have.
[[nodiscard]] std::optional<std::uint32_t> gguf_type_number(Dtype dtype);

}  // namespace csm::weights
