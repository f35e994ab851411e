#include "csm/kernels/primitive_op.h"

#include <mlx/allocator.h>
#include <mlx/backend/cpu/encoder.h>

#include <cstdint>
#include <cstring>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::kernels {
namespace {

/// A strided array to be copied to dense memory.
struct StridedCopy {
  const std::byte* from;
  std::byte* to;
  std::size_t item_size;
  std::vector<std::int64_t> shape;
  std::vector<std::int64_t> strides;  // in items
};

/// Copies axis `axis` and those behind it; returns the end of what it wrote.
std::byte* copy_axis(const StridedCopy& copy, std::size_t axis,
                     const std::byte* from, std::byte* to) {
  if (axis == copy.shape.size()) {
    std::memcpy(to, from, copy.item_size);
    return to + copy.item_size;
  }
  const std::int64_t step =
      copy.strides[axis] * static_cast<std::int64_t>(copy.item_size);
  for (std::int64_t i = 0; i < copy.shape[axis]; ++i, from += step) {
    to = copy_axis(copy, axis + 1, from, to);
  }
  return to;
}

/// An array that a kernel is about to fill.
mx::array unfilled(mx::Shape shape, mx::Dtype dtype) {
  return mx::array(std::move(shape), dtype, nullptr, {});
}

void run_at_once(CpuPrimitive& primitive, const std::vector<mx::array>& inputs,
                 std::vector<mx::array>& outputs) {
  for (mx::array input : inputs) {
    if (!input.is_available()) input.eval();
  }
  primitive.eval_cpu(inputs, outputs);
  for (mx::array& output : outputs) {
    output.set_status(mx::array::Status::available);
  }
}

}  // namespace

CpuPrimitive::CpuPrimitive(const Exec& exec, const char* name)
    : mx::Primitive(exec.stream),
      name_(name),
      pool_(exec.pool),
      isa_(kernel_isa()),
      clock_(exec.clock),
      stage_(exec.stage),
      eager_(exec.runs_at_once()) {}

void CpuPrimitive::eval_gpu(const std::vector<mx::array>&,
                            std::vector<mx::array>&) {
  throw Error(ErrorCode::kUnsupported,
              str_cat("[kernels.primitive] ", name_, " runs on a CPU only"));
}

const void* CpuPrimitive::dense(const mx::array& input) {
  if (!eager_) {
    mx::cpu::get_command_encoder(stream()).set_input_array(input);
  }
  if (input.flags().row_contiguous) return input.data<std::byte>();

  mx::array copy(input.shape(), input.dtype(), nullptr, {});
  copy.set_data(mx::allocator::malloc(copy.nbytes()));
  const StridedCopy plan{
      .from = input.data<std::byte>(),
      .to = copy.data<std::byte>(),
      .item_size = input.itemsize(),
      .shape = {input.shape().begin(), input.shape().end()},
      .strides = {input.strides().begin(), input.strides().end()}};
  dispatch([plan] { copy_axis(plan, 0, plan.from, plan.to); });
  if (eager_) {
    copies_.push_back(std::move(copy));
  } else {
    mx::cpu::get_command_encoder(stream()).add_temporary(std::move(copy));
  }
  return plan.to;
}

const float* CpuPrimitive::dense_f32(const mx::array& input) {
  return static_cast<const float*>(dense(input));
}

float* CpuPrimitive::allocate(mx::array& output) {
  output.set_data(mx::allocator::malloc(output.nbytes()));
  if (!eager_) {
    mx::cpu::get_command_encoder(stream()).set_output_array(output);
  }
  return output.data<float>();
}

void CpuPrimitive::enqueue(std::function<void()> fn) {
  auto& encoder = mx::cpu::get_command_encoder(stream());
  if (clock_ == nullptr) {
    encoder.dispatch(std::move(fn));
    return;
  }
  encoder.dispatch([fn = std::move(fn), clock = clock_, stage = stage_] {
    const StageTimer timer(clock, stage);
    fn();
  });
}

std::vector<mx::array> run_primitive(const Exec& exec,
                                     std::shared_ptr<CpuPrimitive> primitive,
                                     std::vector<mx::Shape> shapes,
                                     const std::vector<mx::Dtype>& dtypes,
                                     const std::vector<mx::array>& inputs) {
  if (!exec.runs_at_once()) {
    return mx::array::make_arrays(std::move(shapes), dtypes, primitive, inputs);
  }
  std::vector<mx::array> outputs;
  outputs.reserve(shapes.size());
  for (std::size_t i = 0; i < shapes.size(); ++i) {
    outputs.push_back(unfilled(std::move(shapes[i]), dtypes[i]));
  }
  run_at_once(*primitive, inputs, outputs);
  return outputs;
}

mx::array run_primitive(const Exec& exec,
                        std::shared_ptr<CpuPrimitive> primitive,
                        mx::Shape shape, mx::Dtype dtype,
                        std::vector<mx::array> inputs) {
  if (!exec.runs_at_once()) {
    return mx::array(std::move(shape), dtype, std::move(primitive),
                     std::move(inputs));
  }
  std::vector<mx::array> outputs = {unfilled(std::move(shape), dtype)};
  run_at_once(*primitive, inputs, outputs);
  return std::move(outputs[0]);
}

WeightType weight_type(const mx::array& weights) {
  return weights.dtype() == mx::bfloat16 ? WeightType::kBfloat16
                                         : WeightType::kFloat32;
}

}  // namespace csm::kernels
