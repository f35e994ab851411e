#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/weights/aligned_array.h"
#include "csm/weights/checkpoint.h"
#include "csm/weights/convert.h"

namespace csm::weights {

/// "file, tensor name" for messages.
[[nodiscard]] std::string where_of(const SourceTensor& tensor);

/// The Target of mx::float32 or mx::bfloat16.
[[nodiscard]] Target target_of(mx::Dtype dtype);

/// True for F32, F16, BF16 and blocks.
[[nodiscard]] bool is_readable(Dtype dtype);

/// Which rows of a tensor are those of another one. A row is what the last
/// extent counts.
struct RowOrder {
  std::size_t first = 0;  ///< the row at the front
  /// If not 0, the rows behind `first` are heads of so many rows, which come as
  /// pairs 2j, 2j + 1 and are wanted as halves j, j + head_dim / 2.
  std::size_t head_dim = 0;

  /// The row of the tensor that is row `row` of the other one.
  [[nodiscard]] std::size_t source(std::size_t row) const;
};

/// Converts elements of a tensor into a new array, in chunks whose pages are
/// given back, so that the file adds no more than a chunk to the resident
/// memory.
///
/// first  element of the tensor at the front; of blocks, that of a block
/// shape  of the array, whose elements must all exist
/// dtype  mx::float32 or mx::bfloat16
/// Throws: Error{kCorrupt} naming the element if a value is not finite in
/// either type. Precondition: is_readable(tensor.view.dtype).
[[nodiscard]] mx::array read_values(const SourceTensor& tensor,
                                    std::size_t first,
                                    const std::vector<int>& shape,
                                    mx::Dtype dtype);

/// The same for rows in another order; shape[-1] is the tensor's own.
[[nodiscard]] mx::array read_rows(const SourceTensor& tensor,
                                  const RowOrder& order,
                                  const std::vector<int>& shape,
                                  mx::Dtype dtype);

/// Calls use(row, bytes) for rows 0 to n_rows - 1 in another order, each of
/// row_bytes bytes, and gives pages back.
template <class F>
void for_each_row(const SourceTensor& tensor, const RowOrder& order,
                  std::size_t n_rows, std::size_t row_bytes, F&& use) {
  constexpr std::size_t kChunkBytes = 4UL << 20U;
  std::size_t step = std::max<std::size_t>(kChunkBytes / row_bytes, 1);
  if (order.head_dim != 0) {  // whole heads, which are rows of one place
    step = std::max<std::size_t>(step / order.head_dim, 1) * order.head_dim;
  }
  for (std::size_t begin = 0; begin < n_rows; begin += step) {
    const std::size_t end = std::min(begin + step, n_rows);
    for (std::size_t row = begin; row < end; ++row) {
      use(row,
          tensor.view.bytes.subspan(order.source(row) * row_bytes, row_bytes));
    }
    tensor.release(tensor.view.bytes.subspan((order.first + begin) * row_bytes,
                                             (end - begin) * row_bytes));
  }
}

/// Elements of an array of that shape.
[[nodiscard]] std::size_t element_count(const std::vector<int>& shape);

}  // namespace csm::weights
