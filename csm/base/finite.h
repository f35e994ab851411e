#pragma once

#include <cstddef>
#include <optional>
#include <span>

namespace csm {

/// Where the first value is that is infinite or not a number; nothing if all
/// are finite.
[[nodiscard]] std::optional<std::size_t> find_not_finite(
    std::span<const float> values);

}  // namespace csm
