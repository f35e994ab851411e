#include "csm/kernels/linear_composed_op.h"

namespace csm::kernels::composed {

mx::array linear(const mx::array& x, const Matrix& w, const mx::Stream& s) {
  if (w.affine) {
    const Affine& a = *w.affine;
    return mx::quantized_matmul(x, w.data,
                                mx::astype(*a.scales, mx::float32, s),
                                mx::astype(*a.biases, mx::float32, s), true,
                                a.format.group, bits_of(a.type), "affine", s);
  }
  return mx::matmul(x, mx::transpose(mx::astype(w.data, mx::float32, s), s), s);
}

mx::array linear_residual(const mx::array& x, const Matrix& w,
                          const mx::array& residual,
                          const std::optional<mx::array>& scale,
                          const mx::Stream& s) {
  mx::array y = linear(x, w, s);
  if (scale) y = mx::multiply(y, *scale, s);
  return mx::add(residual, y, s);
}

mx::array normalize(const mx::array& x, const Norm& norm, const mx::Stream& s) {
  if (norm.bias) {
    return mx::fast::layer_norm(x, norm.gain, norm.bias, norm.eps, s);
  }
  return mx::fast::rms_norm(x, norm.gain, norm.eps, s);
}

mx::array silu(const mx::array& x, const mx::Stream& s) {
  return mx::multiply(x, mx::sigmoid(x, s), s);
}

mx::array gelu(const mx::array& x, const mx::Stream& s) {
  const mx::array erf =
      mx::erf(mx::multiply(x, mx::array(0.70710678118654752F), s), s);
  const mx::array phi =
      mx::multiply(mx::add(erf, mx::array(1.0F), s), mx::array(0.5F), s);
  return mx::multiply(x, phi, s);
}

mx::array elu(const mx::array& x, const mx::Stream& s) {
  const mx::array zero(0.0F);
  return mx::where(mx::greater(x, zero, s), x,
                   mx::expm1(mx::minimum(x, zero, s), s), s);
}

}  // namespace csm::kernels::composed
