#include "csm/kernels/linear_op.h"

#include <string_view>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/kernels/check_op.h"
#include "csm/kernels/linear_composed_op.h"
#include "csm/kernels/linear_fused_op.h"
#include "csm/kernels/quantized_op.h"

namespace csm::kernels {
namespace {

void require_matrix(const Exec& exec, std::string_view op,
                    std::string_view name, const Matrix& w, int out, int in) {
  if (w.affine) {
    require_affine(op, name, w, out, in, exec.use_cpu_kernels());
  } else {
    require_array(op, name, w.data, {out, in}, Accept::kFloat32OrBfloat16);
  }
}

void require_norm(std::string_view op, const Norm& norm, int width) {
  require_array(op, "norm.gain", norm.gain, {width});
  if (norm.bias) require_array(op, "norm.bias", *norm.bias, {width});
  if (!(norm.eps >= 0.0F)) {
    throw Error(
        ErrorCode::kInvalidArgument,
        str_cat("[kernels.", op, "] expected norm.eps >= 0, got ", norm.eps));
  }
}

int require_rows(std::string_view op, const mx::array& x) {
  require_array(op, "x", x, {kAnyExtent, kAnyExtent});
  return x.shape(0);
}

}  // namespace

mx::array linear(const Exec& exec, const mx::array& x, const Matrix& w) {
  require_matrix(exec, "linear", "w", w, kAnyExtent, kAnyExtent);
  require_array("linear", "x", x, {kAnyExtent, w.in()});
  if (exec.use_cpu_kernels()) return fused::linear(exec, x, w);
  return composed::linear(x, w, exec.stream);
}

mx::array linear_residual(const Exec& exec, const mx::array& x, const Matrix& w,
                          const mx::array& residual,
                          const std::optional<mx::array>& scale) {
  constexpr std::string_view kOp = "linear_residual";
  require_matrix(exec, kOp, "w", w, kAnyExtent, kAnyExtent);
  require_array(kOp, "x", x, {kAnyExtent, w.in()});
  require_array(kOp, "residual", residual, {x.shape(0), w.out()});
  if (scale) require_array(kOp, "scale", *scale, {w.out()});
  if (exec.use_cpu_kernels()) {
    return fused::linear_residual(exec, x, w, residual, scale);
  }
  return composed::linear_residual(x, w, residual, scale, exec.stream);
}

mx::array normalize(const Exec& exec, const mx::array& x, const Norm& norm) {
  require_rows("normalize", x);
  require_norm("normalize", norm, x.shape(1));
  if (exec.use_cpu_kernels()) return fused::normalize(exec, x, norm);
  return composed::normalize(x, norm, exec.stream);
}

std::vector<mx::array> norm_linear(const Exec& exec, const mx::array& x,
                                   const Norm& norm,
                                   const std::vector<Matrix>& ws) {
  require_rows("norm_linear", x);
  require_norm("norm_linear", norm, x.shape(1));
  for (const Matrix& w : ws) {
    require_matrix(exec, "norm_linear", "w", w, kAnyExtent, x.shape(1));
  }
  if (ws.empty()) return {};
  if (exec.use_cpu_kernels()) return fused::norm_linear(exec, x, norm, ws);
  const mx::array b = composed::normalize(x, norm, exec.stream);
  std::vector<mx::array> ys;
  ys.reserve(ws.size());
  for (const Matrix& w : ws) {
    ys.push_back(composed::linear(b, w, exec.stream));
  }
  return ys;
}

mx::array gated_mlp(const Exec& exec, const mx::array& x, const Norm& norm,
                    const Matrix& gate, const Matrix& up, const Matrix& down) {
  constexpr std::string_view kOp = "gated_mlp";
  require_rows(kOp, x);
  const int width = x.shape(1);
  require_norm(kOp, norm, width);
  require_matrix(exec, kOp, "gate", gate, kAnyExtent, width);
  require_matrix(exec, kOp, "up", up, gate.out(), width);
  require_matrix(exec, kOp, "down", down, width, gate.out());
  if (exec.use_cpu_kernels()) {
    return fused::gated_mlp(exec, x, norm, gate, up, down);
  }
  const mx::Stream& s = exec.stream;
  const mx::array b = composed::normalize(x, norm, s);
  const mx::array g = composed::silu(composed::linear(b, gate, s), s);
  const mx::array h = mx::multiply(g, composed::linear(b, up, s), s);
  return composed::linear_residual(h, down, x, std::nullopt, s);
}

mx::array gelu_mlp(const Exec& exec, const mx::array& x, const Norm& norm,
                   const Matrix& fc1, const Matrix& fc2,
                   const mx::array& layer_scale) {
  constexpr std::string_view kOp = "gelu_mlp";
  require_rows(kOp, x);
  const int width = x.shape(1);
  require_norm(kOp, norm, width);
  require_matrix(exec, kOp, "fc1", fc1, kAnyExtent, width);
  require_matrix(exec, kOp, "fc2", fc2, width, fc1.out());
  require_array(kOp, "layer_scale", layer_scale, {width});
  if (exec.use_cpu_kernels()) {
    return fused::gelu_mlp(exec, x, norm, fc1, fc2, layer_scale);
  }
  const mx::Stream& s = exec.stream;
  const mx::array b = composed::normalize(x, norm, s);
  const mx::array h = composed::gelu(composed::linear(b, fc1, s), s);
  return composed::linear_residual(h, fc2, x, layer_scale, s);
}

}  // namespace csm::kernels
