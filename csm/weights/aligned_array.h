#pragma once

#include <cstddef>
#include <vector>

#include "mlx/array.h"

namespace csm {

namespace mx = mlx::core;

namespace weights {

/// Bytes to which aligned_array() aligns its data on a CPU build of MLX.
inline constexpr std::size_t kArrayAlignment = 64;

/// An evaluated, contiguous array whose data the caller must fill.
///
/// MLX's own CPU allocator gives data at 24 modulo 64; kernels that stream
/// whole cache lines want better. With another allocator than MLX's CPU one
/// (Metal, CUDA) this is an ordinary MLX allocation.
[[nodiscard]] mx::array aligned_array(const std::vector<int>& shape,
                                      mx::Dtype dtype);

}  // namespace weights
}  // namespace csm
