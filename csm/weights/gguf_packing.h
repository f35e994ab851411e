#pragma once

#include "csm/weights/tensor_file.h"

namespace csm::weights {

/// Refuses Q4_K blocks that are not in ggml's layout.
///
/// csm.rs has written blocks of this type in a packing of its own, which read
/// as noise. They are told by their values: weights lie around zero, so that
/// the means of groups of 32 hold about 1/32 of the squares of their values;
/// with minima and scales read from the wrong bits it is most of them.
/// Looks at the first blocks of every Q4_K tensor.
///
/// Throws: Error{kUnsupported} naming the tensor.
void check_packing(const TensorFile& file);

}  // namespace csm::weights
