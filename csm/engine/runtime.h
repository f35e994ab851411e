#pragma once

#include <memory>

#include "csm/base/thread_pool.h"
#include "csm/engine/engine_options.h"
#include "csm/kernels/exec_op.h"

namespace csm::engine {

/// What computes: threads and a device.
struct Runtime {
  std::unique_ptr<ThreadPool> pool;
  kernels::Exec exec;  ///< uses the pool

  /// Throws: Error{kUnsupported} for a device that MLX cannot use.
  static Runtime make(const EngineOptions& options);
};

/// The type in which most weights of the codec are kept: where our kernels
/// multiply them they are read faster as bfloat16.
[[nodiscard]] mx::Dtype codec_weights(const EngineOptions& options,
                                      const kernels::Exec& exec);

}  // namespace csm::engine
