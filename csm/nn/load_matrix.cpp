#include "csm/nn/load_matrix.h"

#include "csm/kernels/quantized_op.h"
#include "csm/nn/load_array.h"

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

namespace {

Matrix tiled(Matrix rows, const MatrixTarget& target) {
  if (!target.tiled) return rows;
  const std::vector<int> shape = {static_cast<int>(kernels::tiled_bytes(rows))};
  return kernels::tile_matrix(
      rows, target.arena == nullptr ? weights::aligned_array(shape, mx::uint8)
                                    : target.arena->take(shape, mx::uint8));
}

// Floats [out, in], evaluated, into a format that fits them.
Matrix from_floats(const mx::array& values, const MatrixFormat& format,
                   const MatrixTarget& target) {
  if (!is_integer(format.type)) return {values};
  return tiled(
      kernels::quantize_matrix(values, format.type, format.groups, target.pool),
      target);
}

Matrix from_affine(const weights::AffineTensor& tensor,
                   const MatrixFormat& format, const MatrixTarget& target) {
  if (is_integer(format.type)) {
    return tiled(
        kernels::affine_matrix(tensor.words, tensor.scales, tensor.biases,
                               tensor.form.bits, tensor.form.group),
        target);
  }
  const int in = tensor.words.shape(1) * (32 / tensor.form.bits);
  return {weights::dequantize(tensor, {tensor.words.shape(0), in},
                              float_dtype(format.type))};
}

// Whether the last two extents of a stack are its matrices' inputs and outputs
// in that order.
bool is_transposed(const weights::WeightStore& store, const std::string& name,
                   const StackShape& shape) {
  if (store.is_random()) return true;
  if (store.is_affine(name)) return false;
  const std::vector<std::int64_t> stored = store.shape(name);
  const std::vector<std::int64_t> rows = {shape.n, shape.out, shape.in};
  return shape.in == shape.out || stored != rows;
}

// The format of a tensor that is stored as floats.
MatrixFormat float_format(const weights::WeightStore& store,
                          const std::string& name, const MatrixFormat& wanted,
                          int in) {
  const MatrixFormat fitting = format_for(wanted, in);
  // What an adapter changes is quantised again.
  const bool again = !store.has_affine() || store.is_adapted(name);
  if (!is_integer(fitting.type) || again) return fitting;
  const bool half = store.stored_dtype(name) == weights::Dtype::kBf16;
  return {.type = half ? WeightType::kBfloat16 : WeightType::kFloat32};
}

// The type in which values come from the store.
mx::Dtype taken_dtype(const MatrixFormat& format) {
  return is_integer(format.type) ? mx::float32 : float_dtype(format.type);
}

}  // namespace

Matrix take_matrix(weights::WeightStore& store, const std::string& name,
                   int out, int in, const MatrixFormat& format,
                   const MatrixTarget& target) {
  const auto take = [&]() -> Matrix {
    if (store.integer_form(name, {out, in})) {
      return from_affine(store.take_affine(name, {out, in}), format, target);
    }
    const MatrixFormat used = float_format(store, name, format, in);
    return from_floats(store.take(name, {out, in}, taken_dtype(used)), used,
                       target);
  };
  Matrix matrix = take();
  store.set_bytes(name, matrix_bytes(matrix));
  if (target.taken) target.taken(name, matrix);
  return matrix;
}

std::vector<Matrix> take_stack(weights::WeightStore& store,
                               const std::string& name, const StackShape& shape,
                               const MatrixFormat& format,
                               const MatrixTarget& target) {
  const std::vector<int> rows = {shape.n, shape.out, shape.in};
  const bool transposed = is_transposed(store, name, shape);
  const auto take = [&](int part) -> Matrix {
    if (store.integer_form(name, rows)) {
      return from_affine(store.take_affine_part(name, rows, part), format,
                         target);
    }
    const MatrixFormat used = float_format(store, name, format, shape.in);
    const mx::Dtype dtype = taken_dtype(used);
    if (!transposed) {
      return from_floats(store.take_part(name, rows, part, dtype), used,
                         target);
    }
    const mx::array stored =
        store.take_part(name, {shape.n, shape.in, shape.out}, part, dtype);
    return from_floats(load_array(mx::transpose(stored, {1, 0}, load_stream())),
                       used, target);
  };
  std::vector<Matrix> matrices;
  std::size_t bytes = 0;
  for (int part = 0; part < shape.n; ++part) {
    matrices.push_back(take(part));
    bytes += matrix_bytes(matrices.back());
    if (target.taken) target.taken(name, matrices.back());
  }
  store.set_bytes(name, bytes);
  return matrices;
}

std::size_t matrix_bytes(const Matrix& matrix) {
  std::size_t bytes = matrix.data.nbytes();
  if (matrix.affine && !matrix.affine->is_tiled()) {
    bytes += matrix.affine->scales->nbytes() + matrix.affine->biases->nbytes();
  }
  return bytes;
}

}  // namespace csm::nn
