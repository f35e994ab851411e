#pragma once

#include <cstddef>
#include <optional>
#include <span>

#include "csm/weights/dtype.h"

namespace csm::weights {

/// Element types that a model computes with.
enum class Target {
  kF32,
  kBf16,
};

[[nodiscard]] bool is_convertible(Dtype source);  ///< F32, F16 or BF16

/// Converts little endian elements (any alignment) to `target` elements.
///
/// out  room for in.size() / size_of(source) elements
/// returns  index of the first element that is NaN or infinite, before or
///          behind the conversion; nothing if all are finite
///
/// Exact: widening keeps every value; narrowing to bfloat16 rounds to nearest,
/// ties to even, as torch does (csm/weights/convert_test.cpp).
/// Precondition: is_convertible(source). Threads: thread-safe.
[[nodiscard]] std::optional<std::size_t> convert(Dtype source,
                                                 std::span<const std::byte> in,
                                                 Target target, std::byte* out);

}  // namespace csm::weights
