#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <vector>

#include "csm/kernels/linear_op.h"
#include "csm/weights/aligned_array.h"
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
  /// Memory for tiles, which must live until the last matrix was taken; null:
  /// every matrix has its own.
  weights::ArrayArena* arena = nullptr;
  /// Called with every matrix that was taken, under its canonical name; the
  /// parts of a stack come one after another. May be empty.
  std::function<void(const std::string& name, const kernels::Matrix& matrix)>
      taken = {};
};

/// The format that a matrix with `in` columns really gets: integer types need
/// whole groups, and stay bfloat16 without, as MLX leaves such matrices alone.
[[nodiscard]] MatrixFormat format_for(const MatrixFormat& wanted, int in);

/// Takes a tensor [out, in] from the store in a format; quantised from float32.
///
/// A tensor that is stored as integers keeps them, whatever the format, unless
/// that is a float type; then the matrix has the weights that they stand for.
/// In a store with integers, floats stay floats.
///
/// Throws: as WeightStore::take and WeightStore::take_affine.
[[nodiscard]] kernels::Matrix take_matrix(weights::WeightStore& store,
                                          const std::string& name, int out,
                                          int in, const MatrixFormat& format,
                                          const MatrixTarget& target);

/// Sizes of several matrices in one tensor: [n, in, out] where that holds
/// floats (the layout of torch's batched products) unless its extents are
/// [n, out, in]; and this where it holds integers, whose groups lie along the
/// inputs.
struct StackShape {
  int n;
  int out;
  int in;
};

/// The same for all matrices of such a tensor, one at a time in memory besides
/// the result.
[[nodiscard]] std::vector<kernels::Matrix> take_stack(
    weights::WeightStore& store, const std::string& name,
    const StackShape& shape, const MatrixFormat& format,
    const MatrixTarget& target);

/// Bytes that a matrix takes in memory.
[[nodiscard]] std::size_t matrix_bytes(const kernels::Matrix& matrix);

/// MLX's type of a float format.
[[nodiscard]] mx::Dtype float_dtype(kernels::WeightType type);

}  // namespace csm::nn
