#pragma once

#include <optional>
#include <span>
#include <string>
#include <vector>

#include "csm/kernels/conv_op.h"
#include "csm/weights/weight_store.h"

namespace csm::nn {

// Causal convolutions with weights from a checkpoint in PyTorch's layout, and
// the streaming state that the caller keeps between calls. Signals are float32
// [T, channels]. Layers are const after load(). Threads: engine thread only.
//
// forward_each() is forward() for several streams of the same length at once.
// Where a stream brings few rows, the weights are read once for all of them.
//
// Exact: any chunking of a stream, alone or beside others, gives bit-equal
// samples on the CPU kernels (tests/parity/mimi_test.cpp)

/// Sizes of a causal convolution.
struct ConvSizes {
  int in;
  int out;
  int kernel;
  int stride = 1;
  int dilation = 1;
  bool elu_input = false;  ///< ELU before the convolution
};

/// A causal convolution.
class CausalConv {
 public:
  /// Takes `<name>.weight` [out, in, kernel], which is kept as `dtype`, float32
  /// or bfloat16, and `<name>.bias` [out].
  static CausalConv load(const std::string& name, const ConvSizes& sizes,
                         weights::WeightStore& store,
                         mx::Dtype dtype = mx::float32);

  /// State at the start of a stream: zeros [P, in].
  [[nodiscard]] mx::array new_state() const;

  /// x [T, in] -> [ceil(T/stride), out] (+ residual of that shape). A T that is
  /// no multiple of the stride ends the stream: zeros follow its rows.
  [[nodiscard]] mx::array forward(
      const kernels::Exec& exec, const mx::array& x, mx::array& state,
      const std::optional<mx::array>& residual = std::nullopt) const;

  /// xs and states: one of each for every stream
  [[nodiscard]] std::vector<mx::array> forward_each(
      const kernels::Exec& exec, std::span<const mx::array> xs,
      std::span<mx::array* const> states) const;

 private:
  [[nodiscard]] std::vector<mx::array> forward_windows(
      const kernels::Exec& exec, std::span<const mx::array> xs,
      std::span<mx::array* const> states) const;

  CausalConv(const ConvSizes& sizes, kernels::Conv conv)
      : sizes_(sizes), conv_(std::move(conv)) {}

  ConvSizes sizes_;
  kernels::Conv conv_;
};

/// A causal transposed convolution whose kernel is twice its stride.
class CausalConvTranspose {
 public:
  /// Takes `<name>.weight` [in, out, 2*stride], which is kept as `dtype`,
  /// float32 or bfloat16, and `<name>.bias` [out]. sizes.kernel must be
  /// 2*stride.
  static CausalConvTranspose load(const std::string& name,
                                  const ConvSizes& sizes,
                                  weights::WeightStore& store,
                                  mx::Dtype dtype = mx::float32);

  /// Zeros [1, in].
  [[nodiscard]] mx::array new_state() const;

  /// x [T, in] -> [T*stride, out]
  [[nodiscard]] mx::array forward(const kernels::Exec& exec, const mx::array& x,
                                  mx::array& state) const;

  /// xs and states: one of each for every stream
  [[nodiscard]] std::vector<mx::array> forward_each(
      const kernels::Exec& exec, std::span<const mx::array> xs,
      std::span<mx::array* const> states) const;

 private:
  CausalConvTranspose(const ConvSizes& sizes, kernels::ConvTranspose conv)
      : sizes_(sizes), conv_(std::move(conv)) {}

  ConvSizes sizes_;
  kernels::ConvTranspose conv_;
};

/// Upsampling of a latent signal: a grouped transposed convolution without
/// bias, kernel 2*stride.
class Upsample {
 public:
  /// Takes `<name>.weight` [channels, channels/groups, 2*stride].
  static Upsample load(const std::string& name, int channels, int groups,
                       int stride, weights::WeightStore& store);

  /// Zeros [1, channels].
  [[nodiscard]] mx::array new_state() const;

  /// x [T, channels] -> [T*stride, channels]
  [[nodiscard]] mx::array forward(const kernels::Exec& exec, const mx::array& x,
                                  mx::array& state) const;

 private:
  Upsample(int channels, int stride, mx::array weight, bool depthwise)
      : channels_(channels),
        stride_(stride),
        weight_(std::move(weight)),
        depthwise_(depthwise) {}

  int channels_;
  int stride_;
  mx::array weight_;  // depthwise [C, 2*stride], else as ConvTranspose
  bool depthwise_;
};

/// Downsampling of a latent signal: a dense causal convolution without bias,
/// kernel 2*stride, before whose first row stand copies of it.
class Downsample {
 public:
  /// The last rows [stride, channels]; none at the start of a stream.
  using State = std::optional<mx::array>;

  /// Takes `<name>.weight` [channels, channels, 2*stride].
  static Downsample load(const std::string& name, int channels, int stride,
                         weights::WeightStore& store);

  /// x [T, channels] -> [ceil(T/stride), channels]. A T that is no multiple of
  /// the stride ends the stream: copies of the last row follow.
  [[nodiscard]] mx::array forward(const kernels::Exec& exec, const mx::array& x,
                                  State& state) const;

 private:
  explicit Downsample(kernels::Conv conv) : conv_(std::move(conv)) {}

  kernels::Conv conv_;
};

}  // namespace csm::nn
