#pragma once

#include <optional>
#include <vector>

#include "csm/kernels/exec_op.h"
#include "csm/kernels/weight_view.h"

namespace csm::kernels {

// Activations are float32 [N, width], row-major; N >= 1 rows are independent.
//
// All functions throw Error{kInvalidArgument} if a shape or dtype does not fit.
// Threads: engine thread only.
// Exact (CPU kernels): bit-equal for every instruction set, thread count and
// number of rows (csm/kernels/linear_op_test.cpp); the composed forms agree
// within rounding, and with integer weights within what coding the inputs costs
// (input_codes.h).

/// The integer form of a matrix. Our CPU kernels take tiles (affine_tiles.h),
/// composed operations MLX's rows (affine.h).
struct Affine {
  WeightType type;     // kInt8 or kInt4
  GroupFormat format;  // of tiles; of rows only the group counts
  int out;
  int in;  // a multiple of the group
  // Rows: [out, in / group], float32, bfloat16 or float16. Tiles: none.
  std::optional<mx::array> scales = std::nullopt;
  std::optional<mx::array> biases = std::nullopt;

  [[nodiscard]] bool is_tiled() const { return !scales; }
};

/// A weight matrix, [out, in]. Integer ones are made by quantized_op.h.
struct Matrix {
  // float32 or bfloat16 [out, in], row-major; integer tiles: uint8 [bytes];
  // integer rows: uint32 [out, in * bits / 32]
  mx::array data;
  std::optional<Affine> affine = std::nullopt;  // of integer matrices

  [[nodiscard]] int out() const { return affine ? affine->out : data.shape(0); }
  [[nodiscard]] int in() const { return affine ? affine->in : data.shape(1); }
};

/// Parameters of a normalisation over the last axis.
struct Norm {
  mx::array gain;                 // [width] float32
  std::optional<mx::array> bias;  // [width] float32: LayerNorm; none: RMSNorm
  float eps;                      // added to the mean square or the variance
};

/// y = x w^T.  x [N, in] -> [N, out]
[[nodiscard]] mx::array linear(const Exec& exec, const mx::array& x,
                               const Matrix& w);

/// y = residual + scale * (x w^T).
///
/// x         [N, in]
/// residual  [N, out]
/// scale     [out] float32, or none for 1
/// returns   [N, out]
[[nodiscard]] mx::array linear_residual(const Exec& exec, const mx::array& x,
                                        const Matrix& w,
                                        const mx::array& residual,
                                        const std::optional<mx::array>& scale);

/// RMSNorm:   x / sqrt(mean(x^2) + eps) * gain
/// LayerNorm: (x - mean(x)) / sqrt(var(x) + eps) * gain + bias
///
/// x [N, width] -> [N, width]
[[nodiscard]] mx::array normalize(const Exec& exec, const mx::array& x,
                                  const Norm& norm);

/// normalize() followed by several matrices on the same input, for example the
/// query, key and value projections.
///
/// x [N, in] -> one [N, out_i] for every matrix
[[nodiscard]] std::vector<mx::array> norm_linear(const Exec& exec,
                                                 const mx::array& x,
                                                 const Norm& norm,
                                                 const std::vector<Matrix>& ws);

/// Gated feed-forward block with its residual (Llama):
///   b = normalize(x);  x + down (silu(gate b) * (up b))
///
/// x [N, width] -> [N, width]; gate, up [hidden, width]; down [width, hidden]
[[nodiscard]] mx::array gated_mlp(const Exec& exec, const mx::array& x,
                                  const Norm& norm, const Matrix& gate,
                                  const Matrix& up, const Matrix& down);

/// Plain feed-forward block with residual and layer scale (Mimi):
///   b = normalize(x);  x + layer_scale * (fc2 gelu(fc1 b))
/// with gelu(x) = x * Phi(x), the exact form.
///
/// x [N, width] -> [N, width]; fc1 [hidden, width]; fc2 [width, hidden];
/// layer_scale [width] float32
[[nodiscard]] mx::array gelu_mlp(const Exec& exec, const mx::array& x,
                                 const Norm& norm, const Matrix& fc1,
                                 const Matrix& fc2,
                                 const mx::array& layer_scale);

}  // namespace csm::kernels
