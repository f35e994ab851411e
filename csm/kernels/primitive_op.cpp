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

}  // namespace

CpuPrimitive::CpuPrimitive(const Exec& exec, const char* name)
    : mx::Primitive(exec.stream),
      name_(name),
      pool_(exec.pool),
      isa_(kernel_isa()),
      clock_(exec.clock),
      stage_(exec.stage) {}

void CpuPrimitive::eval_gpu(const std::vector<mx::array>&,
                            std::vector<mx::array>&) {
  throw Error(ErrorCode::kUnsupported,
              str_cat("[kernels.primitive] ", name_, " runs on a CPU only"));
}

const void* CpuPrimitive::dense(const mx::array& input) {
  auto& encoder = mx::cpu::get_command_encoder(stream());
  encoder.set_input_array(input);
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
  encoder.add_temporary(std::move(copy));
  return plan.to;
}

const float* CpuPrimitive::dense_f32(const mx::array& input) {
  return static_cast<const float*>(dense(input));
}

float* CpuPrimitive::allocate(mx::array& output) {
  output.set_data(mx::allocator::malloc(output.nbytes()));
  mx::cpu::get_command_encoder(stream()).set_output_array(output);
  return output.data<float>();
}

void CpuPrimitive::dispatch(std::function<void()> fn) {
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

WeightType weight_type(const mx::array& weights) {
  return weights.dtype() == mx::bfloat16 ? WeightType::kBfloat16
                                         : WeightType::kFloat32;
}

}  // namespace csm::kernels
