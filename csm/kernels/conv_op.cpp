#include "csm/kernels/conv_op.h"

#include <string_view>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/kernels/check_op.h"
#include "csm/kernels/conv_composed_op.h"
#include "csm/kernels/conv_fused_op.h"

namespace csm::kernels {
namespace {

void require_conv(const Conv& conv, const mx::array& x) {
  require_at_least("conv1d", "kernel", conv.kernel, 1);
  require_at_least("conv1d", "stride", conv.stride, 1);
  require_at_least("conv1d", "dilation", conv.dilation, 1);
  require_at_least("conv1d", "(kernel-1)*dilation + 1 - stride",
                   conv.state_rows(), 0);
  require_array("conv1d", "x", x, {kAnyExtent, kAnyExtent});
  require_array("conv1d", "weight", conv.weight,
                {kAnyExtent, conv.kernel * x.shape(1)},
                Accept::kFloat32OrBfloat16);
  if (conv.bias) {
    require_array("conv1d", "bias", *conv.bias, {conv.weight.shape(0)});
  }
  if (x.shape(0) % conv.stride != 0) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[kernels.conv1d] expected rows of x in multiples of "
                        "the stride ",
                        conv.stride, ", got ", x.shape(0)));
  }
}

}  // namespace

ConvResult conv1d(const Exec& exec, const mx::array& x, const mx::array& state,
                  const Conv& conv, const std::optional<mx::array>& residual) {
  require_conv(conv, x);
  require_array("conv1d", "state", state, {conv.state_rows(), x.shape(1)});
  if (residual) {
    require_array("conv1d", "residual", *residual,
                  {x.shape(0) / conv.stride, conv.weight.shape(0)});
  }
  if (exec.use_cpu_kernels()) {
    return fused::conv1d(exec, x, state, conv, residual);
  }
  return composed::conv1d(x, state, conv, residual, exec.stream);
}

ConvResult conv_transpose1d(const Exec& exec, const mx::array& x,
                            const mx::array& state, const ConvTranspose& conv) {
  constexpr std::string_view kOp = "conv_transpose1d";
  require_at_least(kOp, "stride", conv.stride, 1);
  require_array(kOp, "x", x, {kAnyExtent, kAnyExtent});
  require_array(kOp, "state", state, {1, x.shape(1)});
  require_array(kOp, "weight", conv.weight, {kAnyExtent, 2 * x.shape(1)},
                Accept::kFloat32OrBfloat16);
  const int rows = conv.weight.shape(0);
  if (rows % conv.stride != 0) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[kernels.conv_transpose1d] expected weight rows in "
                        "multiples of the stride ",
                        conv.stride, ", got ", rows));
  }
  if (conv.bias) require_array(kOp, "bias", *conv.bias, {rows / conv.stride});
  if (exec.use_cpu_kernels()) {
    return fused::conv_transpose1d(exec, x, state, conv);
  }
  return composed::conv_transpose1d(x, state, conv, exec.stream);
}

ConvResult upsample_depthwise(const Exec& exec, const mx::array& x,
                              const mx::array& state, const mx::array& weight,
                              int stride) {
  constexpr std::string_view kOp = "upsample_depthwise";
  require_at_least(kOp, "stride", stride, 1);
  require_array(kOp, "x", x, {kAnyExtent, kAnyExtent});
  require_array(kOp, "state", state, {1, x.shape(1)});
  require_array(kOp, "weight", weight, {x.shape(1), 2 * stride});
  if (exec.use_cpu_kernels()) {
    return fused::upsample_depthwise(exec, x, state, weight, stride);
  }
  return composed::upsample_depthwise(x, state, weight, stride, exec.stream);
}

}  // namespace csm::kernels
