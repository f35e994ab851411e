#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string_view>
#include <variant>

#include "csm/sampling/torch_cuda_rng.h"
#include "csm/sampling/torch_rng.h"

namespace csm::sampling {

/// Whose random numbers a generation draws.
enum class Rng {
  kTorchCpu,     ///< torch on the CPU, 2.9.1 (default path)
  kTorchCpuMkl,  ///< torch on the CPU, the builds that used MKL (2.4.0)
  kTorchCuda,    ///< torch on an NVIDIA GPU, to about 1e-6
};

/// The option value: "torch-cpu", "torch-cpu-mkl", "torch-cuda".
[[nodiscard]] const char* to_string(Rng rng);
[[nodiscard]] std::optional<Rng> parse_rng(std::string_view name);

/// The Exp(1) noise of one generation: every sampling call of PyTorch is one
/// draw_call here, in the same order and of the same length.
///
/// A value type: a copy continues the same stream on its own, so a session
/// that is forked keeps its noise.
/// Threads: one thread at a time.
class NoiseStream {
 public:
  NoiseStream(Rng rng, std::uint64_t seed, CudaDevice device = {});

  /// One sampling call: `out` is the flattened [B, V] noise of PyTorch's call.
  void draw_call(std::span<float> out);

  /// True if the stream can hand out raw words in place of values.
  [[nodiscard]] bool has_words() const;

  /// One sampling call as raw generator words, two for each value, so that
  /// the sampler computes logarithms for kept candidates only (NoiseRow).
  /// Throws: Error{kInvalidArgument} unless has_words().
  void draw_call_words(std::span<std::uint32_t> out);

 private:
  struct MklStream {
    TorchCpuGenerator generator;
  };
  std::variant<TorchCpuGenerator, MklStream, TorchCudaGenerator> source_;
};

/// The noise of one frame: one sampling call for each codebook, in order.
/// Draw it for every frame, the one that ends the speech included, and for
/// no other purpose, so that the stream stays PyTorch's.
///
/// out  [n_codebooks, vocab] float32
/// Throws: Error{kInvalidArgument} on a wrong size.
void draw_frame_noise(TorchCpuGenerator& generator, int n_codebooks, int vocab,
                      std::span<float> out);
void draw_frame_noise(NoiseStream& stream, int n_codebooks, int vocab,
                      std::span<float> out);

/// The same as raw words: out [n_codebooks, 2 * vocab] (has_words() only).
void draw_frame_words(NoiseStream& stream, int n_codebooks, int vocab,
                      std::span<std::uint32_t> out);

}  // namespace csm::sampling
