#pragma once

#include <cstddef>
#include <string>

#include "csm/kernels/linear_op.h"
#include "csm/weights/weight_store.h"

namespace csm::nn {

/// How a matrix is kept in memory.
struct MatrixFormat {
  kernels::WeightType type = kernels::WeightType::kFloat32;
  kernels::GroupFormat groups = {};  // of integer types

  bool operator==(const MatrixFormat&) const = default;
};

/// What else decides about the form of integer matrices.
struct MatrixTarget {
  /// Tiles for our CPU kernels; otherwise MLX's rows for composed operations.
  bool tiled = true;
  /// Threads that quantise; null: the calling one. Results do not depend on it.
  ThreadPool* pool = nullptr;
};

/// The format that a matrix with `in` columns really gets: integer types need
/// whole groups, and stay bfloat16 without, as MLX leaves such matrices alone.
[[nodiscard]] MatrixFormat format_for(const MatrixFormat& wanted, int in);

/// Brings evaluated float32 or bfloat16 values [out, in] into a format.
[[nodiscard]] kernels::Matrix make_matrix(const mx::array& values,
                                          const MatrixFormat& format,
                                          const MatrixTarget& target);

/// Takes a tensor [out, in] from the store in a format; quantised from float32.
///
/// Throws: as WeightStore::take.
[[nodiscard]] kernels::Matrix take_matrix(weights::WeightStore& store,
                                          const std::string& name, int out,
                                          int in, const MatrixFormat& format,
                                          const MatrixTarget& target);

/// Bytes that a matrix takes in memory.
[[nodiscard]] std::size_t matrix_bytes(const kernels::Matrix& matrix);

/// MLX's type of a float format.
[[nodiscard]] mx::Dtype float_dtype(kernels::WeightType type);

}  // namespace csm::nn
