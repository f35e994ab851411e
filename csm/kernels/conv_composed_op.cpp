#include "csm/kernels/conv_composed_op.h"

#include "csm/kernels/linear_composed_op.h"

namespace csm::kernels::composed {
namespace {

/// Rows [from, to) of a [T, C] array.
mx::array rows(const mx::array& x, int from, int to, const mx::Stream& s) {
  return mx::slice(x, {from, 0}, {to, x.shape(1)}, s);
}

}  // namespace

ConvResult conv1d(const mx::array& x, const mx::array& state, const Conv& conv,
                  const std::optional<mx::array>& residual,
                  const mx::Stream& s) {
  const int width = x.shape(1);
  const int n_state = conv.state_rows();
  const mx::array joined = n_state > 0 ? mx::concatenate({state, x}, 0, s) : x;
  const mx::array input = conv.elu_input ? elu(joined, s) : joined;
  mx::array y = mx::squeeze(
      mx::conv1d(mx::expand_dims(input, 0, s),
                 mx::reshape(mx::astype(conv.weight, mx::float32, s),
                             {conv.weight.shape(0), conv.kernel, width}, s),
                 conv.stride, 0, conv.dilation, 1, s),
      0, s);
  if (conv.bias) y = mx::add(y, *conv.bias, s);
  if (residual) y = mx::add(*residual, y, s);
  const int n_joined = joined.shape(0);
  return {y,
          n_state > 0 ? rows(joined, n_joined - n_state, n_joined, s) : state};
}

ConvResult conv_transpose1d(const mx::array& x, const mx::array& state,
                            const ConvTranspose& conv, const mx::Stream& s) {
  const int n = x.shape(0);
  const mx::array joined = mx::concatenate({state, x}, 0, s);
  const mx::array input = conv.elu_input ? elu(joined, s) : joined;
  const mx::array pairs =
      mx::concatenate({rows(input, 0, n, s), rows(input, 1, n + 1, s)}, 1, s);
  const int width = conv.weight.shape(0) / conv.stride;
  mx::array y = mx::reshape(linear(pairs, Matrix{conv.weight}, s),
                            {n * conv.stride, width}, s);
  if (conv.bias) y = mx::add(y, *conv.bias, s);
  return {y, rows(x, n - 1, n, s)};
}

ConvResult upsample_depthwise(const mx::array& x, const mx::array& state,
                              const mx::array& weight, int stride,
                              const mx::Stream& s) {
  const int n = x.shape(0);
  const int width = x.shape(1);
  const mx::array joined = mx::concatenate({state, x}, 0, s);
  const mx::array taps = mx::transpose(weight, s);  // [2*stride, C]
  const auto phase = [&](const mx::array& input, int first) {
    return mx::multiply(mx::expand_dims(input, 1, s),
                        rows(taps, first, first + stride, s), s);
  };
  const mx::array y = mx::add(phase(rows(joined, 0, n, s), stride), phase(x, 0),
                              s);  // [T, stride, C]
  return {mx::reshape(y, {n * stride, width}, s), rows(x, n - 1, n, s)};
}

}  // namespace csm::kernels::composed
