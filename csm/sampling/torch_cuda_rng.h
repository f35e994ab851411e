#pragma once

#include <cstdint>
#include <span>

namespace csm::sampling {

/// The properties of a CUDA device that shape torch's random streams. They
/// matter only for calls of more than 256 * n_multiprocessors *
/// (max_threads_per_multiprocessor / 256) values. Defaults: H100 and H200.
struct CudaDevice {
  int n_multiprocessors = 132;
  int max_threads_per_multiprocessor = 2048;
};

/// torch's CUDA generator, computed on the CPU: Philox4x32-10.
///
/// All 64 bits of the seed matter. Thread i of the launch owns subsequence i;
/// every call moves the offset by the words that one thread may have used.
/// A value type: a copy continues the same stream on its own.
/// Threads: one thread at a time.
/// Exact: counter words bit-exact with torch's own Philox engine (header of
///   2.9.1) and the documented launch rule; the logarithm is exact where the
///   GPU approximates it, about 1e-6 apart
///   (csm/sampling/torch_cuda_rng_test.cpp). Not compared with a real GPU.
class TorchCudaGenerator {
 public:
  explicit TorchCudaGenerator(std::uint64_t seed, CudaDevice device = {});

  /// One `exponential_(1)` call over a contiguous float32 tensor.
  void exponential(std::span<float> out);

  /// torch's philox offset: 0 after seeding, a multiple of 4.
  [[nodiscard]] std::uint64_t offset() const { return offset_; }

 private:
  std::uint64_t seed_;
  std::uint64_t max_blocks_;
  std::uint64_t offset_ = 0;
};

}  // namespace csm::sampling
