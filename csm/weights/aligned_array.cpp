#include "csm/weights/aligned_array.h"

#include <cstring>
#include <new>
#include <utility>

#include "mlx/allocator.h"

namespace csm::weights {
namespace {

constexpr std::size_t kHeader = sizeof(std::size_t);
constexpr std::size_t kArenaBlock = std::size_t{64} << 20U;

bool allocator_prefixes_size() {
  constexpr std::size_t kProbe = 96;
  const mx::allocator::Data data = mx::allocator::malloc(kProbe);
  mx::allocator::Buffer buffer = data.buffer();
  const auto* begin = static_cast<const std::byte*>(buffer.ptr());
  if (buffer.raw_ptr() != begin + kHeader) return false;
  std::size_t size = 0;
  std::memcpy(&size, begin, kHeader);
  return size == kProbe;
}

// MLX's CPU buffer is a pointer to its size, with the data right behind.
// Other allocators' buffers are not. A process has one allocator.
bool is_size_prefixed() {
  static const bool known = allocator_prefixes_size();
  return known;
}

std::size_t byte_count(const std::vector<int>& shape, mx::Dtype dtype) {
  std::size_t n_bytes = mx::size_of(dtype);
  for (const int dim : shape) n_bytes *= static_cast<std::size_t>(dim);
  return n_bytes;
}

// An array of n_bytes at base + kArrayAlignment; the alignment unit in front
// holds the size at its end. `free` runs when the array is gone.
template <class Free>
mx::array array_at(std::byte* base, std::size_t n_bytes,
                   const std::vector<int>& shape, mx::Dtype dtype, Free free) {
  std::byte* header = base + kArrayAlignment - kHeader;
  std::memcpy(header, &n_bytes, kHeader);
  mx::allocator::Data data(
      mx::allocator::Buffer(header),
      [free = std::move(free)](mx::allocator::Buffer) { free(); });
  return mx::array(std::move(data), mx::Shape(shape.begin(), shape.end()),
                   dtype);
}

mx::array array_in(std::shared_ptr<LargeBlock> block, std::size_t offset,
                   std::size_t n_bytes, const std::vector<int>& shape,
                   mx::Dtype dtype) {
  std::byte* base = block->data() + offset;
  return array_at(base, n_bytes, shape, dtype, [block = std::move(block)] {});
}

}  // namespace

mx::array aligned_array(const std::vector<int>& shape, mx::Dtype dtype) {
  const std::size_t n_bytes = byte_count(shape, dtype);
  if (!is_size_prefixed()) {
    return mx::array(mx::allocator::malloc(n_bytes),
                     mx::Shape(shape.begin(), shape.end()), dtype);
  }
  if (n_bytes >= LargeBlock::kHugePage) {
    return array_in(std::make_shared<LargeBlock>(n_bytes + kArrayAlignment), 0,
                    n_bytes, shape, dtype);
  }
  constexpr auto kAlign = std::align_val_t{kArrayAlignment};
  auto* base = static_cast<std::byte*>(
      ::operator new(n_bytes + kArrayAlignment, kAlign));
  return array_at(base, n_bytes, shape, dtype,
                  [base] { ::operator delete(base, kAlign); });
}

mx::array ArrayArena::take(const std::vector<int>& shape, mx::Dtype dtype) {
  const std::size_t n_bytes = byte_count(shape, dtype);
  const std::size_t needed = kArrayAlignment + (n_bytes + kArrayAlignment - 1) /
                                                   kArrayAlignment *
                                                   kArrayAlignment;
  if (needed > kArenaBlock / 4 || !is_size_prefixed()) {
    return aligned_array(shape, dtype);
  }
  if (block_ == nullptr || used_ + needed > block_->size()) {
    block_ = std::make_shared<LargeBlock>(kArenaBlock);
    used_ = 0;
  }
  const std::size_t offset = std::exchange(used_, used_ + needed);
  return array_in(block_, offset, n_bytes, shape, dtype);
}

}  // namespace csm::weights
