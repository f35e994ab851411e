#pragma once

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

/// Converts elements of a tensor from `first` on into a new array, in chunks
/// whose pages are given back, so that the file adds no more than a chunk to
/// the resident memory.
///
/// shape  of the array, whose elements must all exist
/// dtype  mx::float32 or mx::bfloat16
/// Throws: Error{kCorrupt} naming the element if a value is not finite in
/// either type. Precondition: is_convertible(tensor.view.dtype).
[[nodiscard]] mx::array read_values(const SourceTensor& tensor,
                                    std::size_t first,
                                    const std::vector<int>& shape,
                                    mx::Dtype dtype);

/// Elements of an array of that shape.
[[nodiscard]] std::size_t element_count(const std::vector<int>& shape);

}  // namespace csm::weights
