#pragma once

#include <mlx/mlx.h>

#include "csm/kernels/stage_clock.h"

namespace csm {

namespace mx = mlx::core;

class ThreadPool;

namespace kernels {

/// Where and how the operations of this part run.
///
/// Operations take it as their first argument and build lazy graph nodes, whose
/// work is done at mx::eval, unless `eager`. Does not own the pool, which must
/// live until the last evaluation.
struct Exec {
  mx::Stream stream;

  /// Threads of the CPU kernels; null runs them on the stream's own thread.
  /// Results do not depend on it.
  ThreadPool* pool = nullptr;

  /// Compose each operation from MLX's own instead of using our CPU kernels.
  /// Streams of a GPU always do.
  bool composed = false;

  /// Run the CPU kernel of an operation in the call that asks for it, on the
  /// calling thread and the pool, instead of queueing it for the stream's
  /// thread. Inputs that are not evaluated yet are first. Results are the same;
  /// what the queue costs, some microseconds for every operation, is saved.
  /// Composed operations are always lazy.
  bool eager = false;

  /// Where kernels record their time, under `stage`; null for nowhere.
  /// Composed operations record nothing.
  StageClock* clock = nullptr;
  Stage stage = Stage::kOther;

  /// The same for operations of another stage.
  [[nodiscard]] Exec at(Stage other) const {
    Exec out = *this;
    out.stage = other;
    return out;
  }

  [[nodiscard]] bool use_cpu_kernels() const {
    return !composed && stream.device == mx::Device(mx::Device::cpu);
  }
  [[nodiscard]] bool runs_at_once() const { return eager && use_cpu_kernels(); }
};

}  // namespace kernels
}  // namespace csm
