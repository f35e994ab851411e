#pragma once

#include <cstddef>
#include <vector>

#include "csm/base/large_block.h"
#include "csm/base/thread_pool.h"
#include "csm/kernels/isa.h"
#include "csm/kernels/weight_view.h"

namespace csm::kernels {

/// Reads memory as fast as this machine can, for comparison with kernels.
///
/// Every thread of the pool streams its own part of a buffer much larger than
/// the caches, front to back, as the kernels read weights.
/// Threads: one thread at a time.
class BandwidthProbe {
 public:
  /// Allocates and fills the buffer: eight times the last-level cache, at least
  /// 256 MB and at most 1 GB.
  BandwidthProbe(ThreadPool& pool, Isa isa);

  /// Bytes a second, over whole passes that take `seconds` at least.
  [[nodiscard]] double measure(double seconds);

  [[nodiscard]] std::size_t bytes() const { return buffer_.size(); }

 private:
  double pass();
  [[nodiscard]] float* floats() const {
    return static_cast<float*>(static_cast<void*>(buffer_.data()));
  }

  ThreadPool* pool_;
  Isa isa_;
  LargeBlock buffer_;        // of ones
  std::vector<float> sums_;  // of the threads, so that reads are not removed
};

/// Floating-point operations a second of fused multiply-adds in registers (two
/// operations each) on all threads of the pool: the best of several runs.
[[nodiscard]] double fma_peak(ThreadPool& pool, Isa isa);

/// The same for the integer instruction that multiplies weights of `type`,
/// kInt8 or kInt4: two operations for each weight that it can serve.
[[nodiscard]] double dot_peak(ThreadPool& pool, WeightType type, Isa isa);

}  // namespace csm::kernels
