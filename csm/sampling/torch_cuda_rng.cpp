#include "csm/sampling/torch_cuda_rng.h"

#include <algorithm>
#include <array>
#include <cmath>
#include <cstddef>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/sampling/philox.h"

namespace csm::sampling {
namespace {

constexpr std::uint64_t kBlock = 256;  // threads of a block
constexpr std::uint64_t kUnroll = 4;   // words of one Philox call

std::uint32_t low(std::uint64_t value) {
  return static_cast<std::uint32_t>(value);
}

std::uint32_t high(std::uint64_t value) {
  return static_cast<std::uint32_t>(value >> 32U);
}

// cuRAND's uniform in (0, 1], then torch's exponential transformation.
float exponential_from_word(std::uint32_t word) {
  constexpr float kTwoToMinus32 = 0x1p-32F;
  constexpr float kHalfEpsilon = 0x1p-24F;
  const float u =
      std::fma(static_cast<float>(word), kTwoToMinus32, kTwoToMinus32 / 2.0F);
  if (u >= 1.0F - kHalfEpsilon) return kHalfEpsilon;
  return -std::log(u);
}

}  // namespace

TorchCudaGenerator::TorchCudaGenerator(std::uint64_t seed, CudaDevice device)
    : seed_(seed) {
  if (device.n_multiprocessors < 1 ||
      device.max_threads_per_multiprocessor < static_cast<int>(kBlock)) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[sampling.torch_cuda_rng] expected at least 1 "
                        "multiprocessor of at least 256 threads, got ",
                        device.n_multiprocessors, " of ",
                        device.max_threads_per_multiprocessor));
  }
  max_blocks_ =
      static_cast<std::uint64_t>(device.n_multiprocessors) *
      (static_cast<std::uint64_t>(device.max_threads_per_multiprocessor) /
       kBlock);
}

void TorchCudaGenerator::exponential(std::span<float> out) {
  const std::uint64_t n = out.size();
  if (n == 0) return;
  const std::uint64_t n_blocks =
      std::min((n + kBlock - 1) / kBlock, max_blocks_);
  const std::uint64_t n_threads = kBlock * n_blocks;
  const std::uint64_t n_steps = (n - 1) / (n_threads * kUnroll) + 1;
  const std::array<std::uint32_t, 2> key = {low(seed_), high(seed_)};
  for (std::uint64_t step = 0; step < n_steps; ++step) {
    const std::uint64_t counter = offset_ / kUnroll + step;
    const std::uint64_t first = step * n_threads * kUnroll;
    // Thread t writes elements first + t + word * n_threads.
    for (std::uint64_t t = 0; t < n_threads && first + t < n; ++t) {
      const auto words =
          philox4x32({low(counter), high(counter), low(t), high(t)}, key);
      for (std::uint64_t w = 0; w < kUnroll; ++w) {
        const std::uint64_t idx = first + t + w * n_threads;
        if (idx < n) {
          out[static_cast<std::size_t>(idx)] =
              exponential_from_word(words[static_cast<std::size_t>(w)]);
        }
      }
    }
  }
  offset_ += n_steps * kUnroll;
}

}  // namespace csm::sampling
