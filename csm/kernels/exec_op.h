#pragma once

#include <mlx/mlx.h>

namespace csm {

namespace mx = mlx::core;

class ThreadPool;

namespace kernels {

/// Where and how the operations of this part run.
///
/// Operations take it as their first argument and build lazy graph nodes; the
/// work is done at mx::eval. Does not own the pool, which must live until the
/// last evaluation.
struct Exec {
  mx::Stream stream;

  /// Threads of the CPU kernels; null runs them on the stream's own thread.
  /// Results do not depend on it.
  ThreadPool* pool = nullptr;

  /// Compose each operation from MLX's own instead of using our CPU kernels.
  /// Streams of a GPU always do.
  bool composed = false;

  [[nodiscard]] bool use_cpu_kernels() const {
    return !composed && stream.device == mx::Device(mx::Device::cpu);
  }
};

}  // namespace kernels
}  // namespace csm
