#pragma once

#include "csm/kernels/exec_op.h"

namespace csm::nn {

/// The stream on which weights are rearranged once at load: the CPU's,
/// whatever device runs the model. Of the calling thread.
[[nodiscard]] mx::Stream load_stream();

/// Evaluates x and copies it into memory aligned for our kernels, row-major.
///
/// x of any shape and strides, float32 or bfloat16
[[nodiscard]] mx::array load_array(const mx::array& x);

}  // namespace csm::nn
