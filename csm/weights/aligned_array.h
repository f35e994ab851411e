#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "csm/base/large_block.h"
#include "mlx/array.h"

namespace csm {

namespace mx = mlx::core;

namespace weights {

/// Bytes to which aligned_array() aligns its data on a CPU build of MLX.
inline constexpr std::size_t kArrayAlignment = 64;

/// An evaluated, contiguous array whose data the caller must fill.
///
/// MLX's own CPU allocator gives data at 24 modulo 64; kernels that stream
/// whole cache lines want better, and huge pages if there is much to read
/// (LargeBlock). With another allocator than MLX's CPU one (Metal, CUDA) this
/// is an ordinary MLX allocation.
[[nodiscard]] mx::array aligned_array(const std::vector<int>& shape,
                                      mx::Dtype dtype);

/// Gives arrays like aligned_array() that lie one behind the other, so that
/// small ones are in huge pages too. For arrays that live equally long: their
/// memory is freed in blocks.
class ArrayArena {
 public:
  [[nodiscard]] mx::array take(const std::vector<int>& shape, mx::Dtype dtype);

 private:
  std::shared_ptr<LargeBlock> block_;
  std::size_t used_ = 0;
};

}  // namespace weights
}  // namespace csm
