#pragma once

#include <mlx/primitives.h>

#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "csm/kernels/exec_op.h"
#include "csm/kernels/isa.h"
#include "csm/kernels/matmul.h"

namespace csm::kernels {

/// Base of the graph nodes that run our CPU kernels.
///
/// A subclass implements eval_cpu: it allocates the outputs, takes raw
/// pointers, and dispatches one function that captures nothing else. MLX keeps
/// the arrays of a node alive until the function has run.
/// Threads: built and evaluated on the engine thread; the dispatched function
/// runs on the stream's thread, or at once on the engine's (Exec::eager), and
/// uses the pool.
class CpuPrimitive : public mx::Primitive {
 public:
  CpuPrimitive(const Exec& exec, const char* name);

  /// Never called: GPU streams take the composed operations.
  void eval_gpu(const std::vector<mx::array>& inputs,
                std::vector<mx::array>& outputs) final;
  [[nodiscard]] const char* name() const final { return name_; }

 protected:
  [[nodiscard]] ThreadPool* pool() const { return pool_; }
  [[nodiscard]] Isa isa() const { return isa_; }

  /// Where the elements of an input lie without gaps, row-major: the input
  /// itself, or a copy that is made before the next dispatched function runs.
  [[nodiscard]] const void* dense(const mx::array& input);
  [[nodiscard]] const float* dense_f32(const mx::array& input);

  /// Allocates an output.
  [[nodiscard]] float* allocate(mx::array& output);

  /// Queues a function for the stream's thread, or calls it; its time is
  /// recorded.
  template <class Fn>
  void dispatch(Fn&& fn) {
    if (eager_) {
      const StageTimer timer(clock_, stage_);
      fn();
    } else {
      enqueue(std::forward<Fn>(fn));
    }
  }

 private:
  void enqueue(std::function<void()> fn);

  const char* name_;
  ThreadPool* pool_;
  Isa isa_;
  StageClock* clock_;
  Stage stage_;
  bool eager_;
  std::vector<mx::array> copies_;  // of inputs, where eager
};

/// The outputs of a primitive: nodes of the lazy graph, or, where exec is
/// eager, what it computes.
[[nodiscard]] std::vector<mx::array> run_primitive(
    const Exec& exec, std::shared_ptr<CpuPrimitive> primitive,
    std::vector<mx::Shape> shapes, const std::vector<mx::Dtype>& dtypes,
    const std::vector<mx::array>& inputs);

/// The same with one output.
[[nodiscard]] mx::array run_primitive(const Exec& exec,
                                      std::shared_ptr<CpuPrimitive> primitive,
                                      mx::Shape shape, mx::Dtype dtype,
                                      std::vector<mx::array> inputs);

/// The kernels' name of a weight array's type.
[[nodiscard]] WeightType weight_type(const mx::array& weights);

/// Memory for one kernel call, uninitialised.
[[nodiscard]] inline std::unique_ptr<float[]> make_scratch(std::size_t n) {
  return std::make_unique_for_overwrite<float[]>(n);
}

}  // namespace csm::kernels
