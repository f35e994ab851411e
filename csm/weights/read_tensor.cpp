#include "csm/weights/read_tensor.h"

#include <optional>
#include <span>

#include "csm/base/check.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/weights/ggml_blocks.h"

namespace csm::weights {
namespace {

constexpr std::size_t kChunkElements = 1UL << 20U;  // whole blocks of any type

// As convert(), of blocks too.
std::optional<std::size_t> convert_any(Dtype dtype,
                                       std::span<const std::byte> in,
                                       Target target, std::byte* out) {
  if (!is_block(dtype)) return convert(dtype, in, target, out);
  std::vector<float> values(in.size() / block_bytes(dtype) *
                            block_values(dtype));
  dequantize_blocks(dtype, in, values.data());
  return convert(Dtype::kF32, std::as_bytes(std::span(values)), target, out);
}

void convert_range(const SourceTensor& tensor, std::size_t first, std::size_t n,
                   Target target, std::byte* out) {
  const Dtype dtype = tensor.view.dtype;
  const std::size_t bytes = block_bytes(dtype);
  const std::size_t values = block_values(dtype);
  const auto in =
      tensor.view.bytes.subspan(first / values * bytes, n / values * bytes);
  if (const auto bad = convert_any(dtype, in, target, out)) {
    throw Error(
        ErrorCode::kCorrupt,
        str_cat("[weights.read_tensor] expected finite values, got NaN, "
                "infinity or an overflow at element ",
                first + *bad, " (", where_of(tensor), ")"));
  }
}

std::byte* data_of(mx::array& x) {
  return reinterpret_cast<std::byte*>(x.data<char>());
}

}  // namespace

std::string where_of(const SourceTensor& tensor) {
  return str_cat(tensor.file, ", tensor ", printable(tensor.view.name));
}

Target target_of(mx::Dtype dtype) {
  if (dtype == mx::float32) return Target::kF32;
  CSM_CHECK(dtype == mx::bfloat16, "expected float32 or bfloat16");
  return Target::kBf16;
}

bool is_readable(Dtype dtype) {
  return is_convertible(dtype) || is_block(dtype);
}

std::size_t RowOrder::source(std::size_t row) const {
  if (head_dim == 0) return first + row;
  const std::size_t in_head = row % head_dim;
  const std::size_t half = head_dim / 2;
  return first + row - in_head + 2 * (in_head % half) + in_head / half;
}

std::size_t element_count(const std::vector<int>& shape) {
  std::size_t n = 1;
  for (const int extent : shape) n *= static_cast<std::size_t>(extent);
  return n;
}

mx::array read_values(const SourceTensor& tensor, std::size_t first,
                      const std::vector<int>& shape, mx::Dtype dtype) {
  mx::array out = aligned_array(shape, dtype);
  const std::size_t n = element_count(shape);
  const std::size_t bytes = block_bytes(tensor.view.dtype);
  const std::size_t values = block_values(tensor.view.dtype);
  for (std::size_t begin = 0; begin < n; begin += kChunkElements) {
    const std::size_t size = std::min(kChunkElements, n - begin);
    convert_range(tensor, first + begin, size, target_of(dtype),
                  data_of(out) + begin * mx::size_of(dtype));
    tensor.release(tensor.view.bytes.subspan((first + begin) / values * bytes,
                                             size / values * bytes));
  }
  return out;
}

mx::array read_rows(const SourceTensor& tensor, const RowOrder& order,
                    const std::vector<int>& shape, mx::Dtype dtype) {
  const auto width = static_cast<std::size_t>(shape.back());
  if (order.head_dim == 0) {
    return read_values(tensor, order.first * width, shape, dtype);
  }
  mx::array out = aligned_array(shape, dtype);
  const std::size_t row_bytes =
      width / block_values(tensor.view.dtype) * block_bytes(tensor.view.dtype);
  for_each_row(tensor, order, element_count(shape) / width, row_bytes,
               [&](std::size_t row, std::span<const std::byte>) {
                 convert_range(tensor, order.source(row) * width, width,
                               target_of(dtype),
                               data_of(out) + row * width * mx::size_of(dtype));
               });
  return out;
}

}  // namespace csm::weights
