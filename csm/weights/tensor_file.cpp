#include "csm/weights/tensor_file.h"

#include <algorithm>
#include <limits>

namespace csm::weights {

std::string to_string(std::span<const std::int64_t> shape) {
  std::string out = "[";
  for (std::size_t i = 0; i < shape.size(); ++i) {
    if (i > 0) out += ", ";
    out += std::to_string(shape[i]);
  }
  return out + "]";
}

std::optional<std::uint64_t> byte_count(Dtype dtype,
                                        std::span<const std::int64_t> shape) {
  if (std::count(shape.begin(), shape.end(), 0) != 0) return 0;
  constexpr std::uint64_t kMax = std::numeric_limits<std::int64_t>::max();
  std::uint64_t size = block_bytes(dtype);
  for (std::size_t i = 0; i < shape.size(); ++i) {
    const bool is_row = i + 1 == shape.size();
    const std::uint64_t n = static_cast<std::uint64_t>(shape[i]) /
                            (is_row ? block_values(dtype) : 1);
    if (size > kMax / n) return std::nullopt;
    size *= n;
  }
  return size;
}

std::size_t TensorView::n_values() const {
  return bytes.size() / block_bytes(dtype) * block_values(dtype);
}

}  // namespace csm::weights
