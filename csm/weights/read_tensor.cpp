#include "csm/weights/read_tensor.h"

#include <algorithm>

#include "csm/base/check.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::weights {
namespace {

constexpr std::size_t kChunkElements = 1UL << 20U;

}  // namespace

std::string where_of(const SourceTensor& tensor) {
  return str_cat(tensor.file, ", tensor ", printable(tensor.view.name));
}

Target target_of(mx::Dtype dtype) {
  if (dtype == mx::float32) return Target::kF32;
  CSM_CHECK(dtype == mx::bfloat16, "expected float32 or bfloat16");
  return Target::kBf16;
}

std::size_t element_count(const std::vector<int>& shape) {
  std::size_t n = 1;
  for (const int extent : shape) n *= static_cast<std::size_t>(extent);
  return n;
}

mx::array read_values(const SourceTensor& tensor, std::size_t first,
                      const std::vector<int>& shape, mx::Dtype dtype) {
  mx::array out = aligned_array(shape, dtype);
  auto* to = reinterpret_cast<std::byte*>(out.data<char>());
  const std::size_t item = size_of(tensor.view.dtype);
  const std::size_t n = element_count(shape);
  for (std::size_t begin = 0; begin < n; begin += kChunkElements) {
    const std::size_t size = std::min(kChunkElements, n - begin);
    const auto in =
        tensor.view.bytes.subspan((first + begin) * item, size * item);
    const auto bad = convert(tensor.view.dtype, in, target_of(dtype),
                             to + begin * mx::size_of(dtype));
    if (bad) {
      throw Error(
          ErrorCode::kCorrupt,
          str_cat("[weights.read_tensor] expected finite values, got NaN, "
                  "infinity or an overflow at element ",
                  first + begin + *bad, " (", where_of(tensor), ")"));
    }
    tensor.release(in);
  }
  return out;
}

}  // namespace csm::weights
