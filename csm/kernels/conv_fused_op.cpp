#include "csm/kernels/conv_fused_op.h"

#include <memory>
#include <utility>
#include <vector>

#include "csm/kernels/conv.h"
#include "csm/kernels/primitive_op.h"

namespace csm::kernels::fused {
namespace {

using Arrays = std::vector<mx::array>;

/// Inputs: x, state, weight, then bias and residual if there are such.
/// Outputs: y, and the new state unless it has no rows.
class Conv1d final : public CpuPrimitive {
 public:
  Conv1d(const Exec& exec, const Conv& conv, bool has_residual)
      : CpuPrimitive(exec, "csm::Conv1d"), has_residual_(has_residual) {
    sizes_.kernel = conv.kernel;
    sizes_.stride = conv.stride;
    sizes_.dilation = conv.dilation;
    sizes_.elu_input = conv.elu_input;
    sizes_.n_out = conv.weight.shape(0);
    has_bias_ = conv.bias.has_value();
  }

  void eval_cpu(const Arrays& in, Arrays& out) override {
    CausalConv conv = sizes_;
    conv.n_rows = in[0].shape(0);
    conv.n_in = in[0].shape(1);
    conv.x = dense_f32(in[0]);
    conv.weight = {.data = dense(in[2]), .type = weight_type(in[2])};
    if (has_bias_) conv.bias = dense_f32(in[3]);
    if (has_residual_) conv.residual = dense_f32(in.back());
    conv.y = allocate(out[0]);
    if (out.size() > 1) {
      conv.state = dense_f32(in[1]);
      conv.new_state = allocate(out[1]);
    }
    dispatch([conv, pool = pool(), isa = isa()] {
      run_conv(conv, make_scratch(conv_scratch(conv)).get(), pool, isa);
    });
  }

 private:
  CausalConv sizes_;
  bool has_bias_;
  bool has_residual_;
};

/// Inputs: x, state, weight, then bias if there is one. Outputs: y, new state.
class ConvTranspose1d final : public CpuPrimitive {
 public:
  ConvTranspose1d(const Exec& exec, const ConvTranspose& conv)
      : CpuPrimitive(exec, "csm::ConvTranspose1d"),
        stride_(conv.stride),
        elu_input_(conv.elu_input) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    const CausalConvTranspose conv{
        .x = dense_f32(in[0]),
        .state = dense_f32(in[1]),
        .weight = {.data = dense(in[2]), .type = weight_type(in[2])},
        .bias = in.size() > 3 ? dense_f32(in[3]) : nullptr,
        .n_rows = in[0].shape(0),
        .n_in = in[0].shape(1),
        .n_out = out[0].shape(1),
        .stride = stride_,
        .elu_input = elu_input_,
        .y = allocate(out[0]),
        .new_state = allocate(out[1])};
    dispatch([conv, pool = pool(), isa = isa()] {
      run_conv(conv, make_scratch(conv_scratch(conv)).get(), pool, isa);
    });
  }

 private:
  int stride_;
  bool elu_input_;
};

/// Inputs: x, state, weight. Outputs: y, new state.
class Upsample final : public CpuPrimitive {
 public:
  Upsample(const Exec& exec, int stride)
      : CpuPrimitive(exec, "csm::Upsample"), stride_(stride) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    const DepthwiseUpsample up{.x = dense_f32(in[0]),
                               .state = dense_f32(in[1]),
                               .weight = dense_f32(in[2]),
                               .n_rows = in[0].shape(0),
                               .width = in[0].shape(1),
                               .stride = stride_,
                               .y = allocate(out[0]),
                               .new_state = allocate(out[1])};
    dispatch([up] { run_upsample(up); });
  }

 private:
  int stride_;
};

ConvResult two_outputs(const Exec& exec, mx::Shape y, mx::Shape state,
                       std::shared_ptr<CpuPrimitive> node,
                       const Arrays& inputs) {
  const Arrays outputs =
      run_primitive(exec, std::move(node), {std::move(y), std::move(state)},
                    {mx::float32, mx::float32}, inputs);
  return {outputs[0], outputs[1]};
}

}  // namespace

ConvResult conv1d(const Exec& exec, const mx::array& x, const mx::array& state,
                  const Conv& conv, const std::optional<mx::array>& residual) {
  Arrays inputs{x, state, conv.weight};
  if (conv.bias) inputs.push_back(*conv.bias);
  if (residual) inputs.push_back(*residual);
  const mx::Shape shape{x.shape(0) / conv.stride, conv.weight.shape(0)};
  auto node = std::make_shared<Conv1d>(exec, conv, residual.has_value());
  if (conv.state_rows() == 0) {
    return {run_primitive(exec, std::move(node), shape, mx::float32,
                          std::move(inputs)),
            state};
  }
  return two_outputs(exec, shape, state.shape(), std::move(node), inputs);
}

ConvResult conv_transpose1d(const Exec& exec, const mx::array& x,
                            const mx::array& state, const ConvTranspose& conv) {
  Arrays inputs{x, state, conv.weight};
  if (conv.bias) inputs.push_back(*conv.bias);
  return two_outputs(
      exec, {x.shape(0) * conv.stride, conv.weight.shape(0) / conv.stride},
      state.shape(), std::make_shared<ConvTranspose1d>(exec, conv), inputs);
}

ConvResult upsample_depthwise(const Exec& exec, const mx::array& x,
                              const mx::array& state, const mx::array& weight,
                              int stride) {
  return two_outputs(exec, {x.shape(0) * stride, x.shape(1)}, state.shape(),
                     std::make_shared<Upsample>(exec, stride),
                     {x, state, weight});
}

}  // namespace csm::kernels::fused
