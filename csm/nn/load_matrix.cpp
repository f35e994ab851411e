#include "csm/nn/load_matrix.h"

#include "csm/kernels/quantized_op.h"
#include "csm/nn/load_array.h"
#include "csm/weights/aligned_array.h"

namespace csm::nn {

using kernels::is_integer;
using kernels::Matrix;
using kernels::WeightType;

mx::Dtype float_dtype(WeightType type) {
  return type == WeightType::kFloat32 ? mx::float32 : mx::bfloat16;
}

MatrixFormat format_for(const MatrixFormat& wanted, int in) {
  if (!is_integer(wanted.type) || kernels::fits_groups(wanted.groups, in)) {
    return wanted;
  }
  return {.type = WeightType::kBfloat16};
}

Matrix make_matrix(const mx::array& values, const MatrixFormat& format,
                   const MatrixTarget& target) {
  const MatrixFormat used = format_for(format, values.shape(1));
  if (!is_integer(used.type)) {
    const mx::array typed =
        mx::astype(values, float_dtype(used.type), load_stream());
    return {load_array(typed)};
  }
  Matrix rows =
      kernels::quantize_matrix(values, used.type, used.groups, target.pool);
  if (!target.tiled) return rows;
  const std::size_t bytes = kernels::tiled_bytes(rows);
  return kernels::tile_matrix(
      rows, weights::aligned_array({static_cast<int>(bytes)}, mx::uint8));
}

Matrix take_matrix(weights::WeightStore& store, const std::string& name,
                   int out, int in, const MatrixFormat& format,
                   const MatrixTarget& target) {
  const MatrixFormat used = format_for(format, in);
  if (!is_integer(used.type)) {
    return {store.take(name, {out, in}, float_dtype(used.type))};
  }
  Matrix matrix =
      make_matrix(store.take(name, {out, in}, mx::float32), used, target);
  store.set_bytes(name, matrix_bytes(matrix));
  return matrix;
}

std::size_t matrix_bytes(const Matrix& matrix) {
  std::size_t bytes = matrix.data.nbytes();
  if (matrix.affine && !matrix.affine->is_tiled()) {
    bytes += matrix.affine->scales->nbytes() + matrix.affine->biases->nbytes();
  }
  return bytes;
}

}  // namespace csm::nn
