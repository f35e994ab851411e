#include "csm/weights/aligned_array.h"

#include <cstring>
#include <new>

#include "mlx/allocator.h"

namespace csm::weights {
namespace {

constexpr std::size_t kHeader = sizeof(std::size_t);

// MLX's CPU buffer is a pointer to its size, with the data right behind.
// Other allocators' buffers are not.
bool is_size_prefixed() {
  constexpr std::size_t kProbe = 96;
  const mx::allocator::Data data = mx::allocator::malloc(kProbe);
  mx::allocator::Buffer buffer = data.buffer();
  const auto* begin = static_cast<const std::byte*>(buffer.ptr());
  if (buffer.raw_ptr() != begin + kHeader) return false;
  std::size_t size = 0;
  std::memcpy(&size, begin, kHeader);
  return size == kProbe;
}

// One alignment unit in front of the data holds the size at its end.
mx::allocator::Data aligned_data(std::size_t n_bytes) {
  constexpr auto kAlign = std::align_val_t{kArrayAlignment};
  auto* base = static_cast<std::byte*>(
      ::operator new(n_bytes + kArrayAlignment, kAlign));
  std::byte* header = base + kArrayAlignment - kHeader;
  std::memcpy(header, &n_bytes, kHeader);
  return {mx::allocator::Buffer(header),
          [base](mx::allocator::Buffer) { ::operator delete(base, kAlign); }};
}

}  // namespace

mx::array aligned_array(const std::vector<int>& shape, mx::Dtype dtype) {
  std::size_t n_bytes = mx::size_of(dtype);
  for (const int dim : shape) n_bytes *= static_cast<std::size_t>(dim);
  const mx::Shape mlx_shape(shape.begin(), shape.end());
  if (is_size_prefixed()) {
    return mx::array(aligned_data(n_bytes), mlx_shape, dtype);
  }
  return mx::array(mx::allocator::malloc(n_bytes), mlx_shape, dtype);
}

}  // namespace csm::weights
