#pragma once

#include <vector>

#include "csm/kernels/exec_op.h"

namespace csm::kernels {

// Rows taken apart and put together: MLX's operations, and where exec is eager
// the same without its queue. Arrays are of any type, their first axis the
// rows.
//
// Threads: engine thread only.

/// An array to be written, uninitialised.
[[nodiscard]] mx::array new_array(mx::Shape shape, mx::Dtype dtype);

/// Float32 zeros in memory of their own.
[[nodiscard]] mx::array zeros(const Exec& exec, const mx::Shape& shape);

/// Rows [first, last) of x, 0 <= first < last <= N; shares its memory.
[[nodiscard]] mx::array slice_rows(const Exec& exec, const mx::array& x,
                                   int first, int last);

/// n equal shares of the rows of x, one behind the other; n divides N.
[[nodiscard]] std::vector<mx::array> split_rows(const Exec& exec,
                                                const mx::array& x, int n);

/// The rows of all arrays, one behind the other. One at least, alike in type
/// and in all axes but the first.
[[nodiscard]] mx::array join_rows(const Exec& exec, std::vector<mx::array> xs);

/// Columns [N, 1] side by side: [N, K].
[[nodiscard]] mx::array join_columns(const Exec& exec,
                                     std::vector<mx::array> columns);

/// The same elements in another shape; shares the memory of x.
[[nodiscard]] mx::array reshaped(const Exec& exec, const mx::array& x,
                                 const mx::Shape& shape);

}  // namespace csm::kernels
