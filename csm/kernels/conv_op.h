#pragma once

#include <optional>

#include "csm/kernels/exec_op.h"

namespace csm::kernels {

// Causal convolutions over time with an explicit state, so that a stream cut
// into any chunks gives the same samples as one call. Signals are float32
// [T, channels]: time-major, because a causal convolution is then a matrix
// product over k consecutive rows.
//
// All functions throw Error{kInvalidArgument} if a shape or dtype does not fit.
// Threads: engine thread only.
// Exact (CPU kernels): bit-equal for every instruction set, thread count and
// chunking (csm/kernels/conv_op_test.cpp).

/// Output of a streaming convolution.
struct ConvResult {
  mx::array y;      // [T_out, C_out]
  mx::array state;  // as the state argument, for the next call
};

/// A causal convolution (cross-correlation, as in PyTorch).
struct Conv {
  mx::array weight;  // [C_out, kernel*C_in] f32 or bf16, tap-major:
                     // column tap*C_in + c
  std::optional<mx::array> bias;  // [C_out] f32
  int kernel;
  int stride;
  int dilation;
  bool elu_input;  // apply ELU (alpha 1) to the input first

  /// Rows of state: the last (kernel-1)*dilation + 1 - stride inputs.
  [[nodiscard]] int state_rows() const {
    return (kernel - 1) * dilation + 1 - stride;
  }
};

/// y[t] = bias + sum over taps of W[tap] f(x[t*stride + tap*dilation - P])
/// (+ residual[t]), P = conv.state_rows(), f = ELU or identity.
///
/// x         [T, C_in], T a multiple of the stride
/// state     [P, C_in], the inputs before x[0] (before ELU); zeros at the
///           start of a stream
/// residual  [T/stride, C_out] or none
/// returns   y [T/stride, C_out], state [P, C_in]
[[nodiscard]] ConvResult conv1d(const Exec& exec, const mx::array& x,
                                const mx::array& state, const Conv& conv,
                                const std::optional<mx::array>& residual);

/// A causal transposed convolution whose kernel is twice its stride.
struct ConvTranspose {
  mx::array weight;  // [stride*C_out, 2*C_in] f32 or bf16: row j*C_out + o; the
                     // first C_in columns multiply x[t-1], the last C_in x[t]
  std::optional<mx::array> bias;  // [C_out] f32
  int stride;
  bool elu_input;  // apply ELU (alpha 1) to the input first
};

/// y[t*stride + j] = bias + A_j f(x[t-1]) + B_j f(x[t]) with A_j, B_j the two
/// halves of the weight rows of phase j. (PyTorch's kernel [C_in, C_out, 2s]:
/// B_j = kernel[.., j], A_j = kernel[.., j + s]; its last s samples dropped.)
///
/// x        [T, C_in]
/// state    [1, C_in], the input before x[0] (before ELU); zeros at the start
/// returns  y [T*stride, C_out], state [1, C_in]
[[nodiscard]] ConvResult conv_transpose1d(const Exec& exec, const mx::array& x,
                                          const mx::array& state,
                                          const ConvTranspose& conv);

/// Transposed convolution of each channel by itself, kernel 2*stride, no bias:
///   y[t*stride + j, c] = x[t-1, c] weight[c, j + stride] + x[t, c] weight[c,
///   j]
///
/// x        [T, C]
/// state    [1, C], the input before x[0]; zeros at the start
/// weight   [C, 2*stride] f32
/// returns  y [T*stride, C], state [1, C]
[[nodiscard]] ConvResult upsample_depthwise(const Exec& exec,
                                            const mx::array& x,
                                            const mx::array& state,
                                            const mx::array& weight,
                                            int stride);

}  // namespace csm::kernels
