#include "csm/nn/streaming_conv.h"

#include <algorithm>
#include <cstddef>
#include <span>
#include <utility>
#include <vector>

#include "csm/base/check.h"
#include "csm/kernels/linear_op.h"
#include "csm/kernels/rows_op.h"
#include "csm/nn/load_array.h"

namespace csm::nn {
namespace {

/// From so many rows on, a matrix product no longer waits for its weights.
constexpr int kManyRows = 8;

/// Whether the streams gain by one product for all of them.
bool share_weights(std::span<const mx::array> xs) {
  return xs.size() > 1 && xs[0].shape(0) < kManyRows;
}

template <class Layer>
std::vector<mx::array> one_by_one(const Layer& layer, const kernels::Exec& exec,
                                  std::span<const mx::array> xs,
                                  std::span<mx::array* const> states) {
  std::vector<mx::array> ys;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    ys.push_back(layer.forward(exec, xs[i], *states[i]));
  }
  return ys;
}

/// Evaluated from the start, so that any stream may read it.
mx::array zeros(int rows, int columns) {
  const std::vector<float> values(static_cast<std::size_t>(rows) *
                                  static_cast<std::size_t>(columns));
  return mx::array(values.begin(), {rows, columns}, mx::float32);
}

/// Rows that a signal lacks to a multiple of the stride.
int missing_rows(const mx::array& x, int stride) {
  return (stride - x.shape(0) % stride) % stride;
}

/// x with n copies of a row [1, C] behind it.
mx::array followed_by(const kernels::Exec& exec, const mx::array& x,
                      const mx::array& row, int n) {
  std::vector<mx::array> parts(static_cast<std::size_t>(n) + 1, row);
  parts[0] = x;
  return kernels::join_rows(exec, std::move(parts));
}

/// PyTorch's [out, in, k] -> tap-major [out, k*in].
mx::array tap_major(const mx::array& weight) {
  const int out = weight.shape(0);
  const int width = weight.shape(1) * weight.shape(2);
  const mx::array turned = mx::transpose(weight, {0, 2, 1}, load_stream());
  return load_array(mx::reshape(turned, {out, width}, load_stream()));
}

/// PyTorch's [in, out, 2s] -> phase-major [s*out, 2*in]; in row j*out + o the
/// first `in` columns are tap j + s (the previous input), the rest tap j.
mx::array phase_major(const mx::array& weight) {
  const mx::Stream stream = load_stream();
  const int in = weight.shape(0);
  const int out = weight.shape(1);
  const int stride = weight.shape(2) / 2;
  const mx::array turned = mx::transpose(weight, {2, 1, 0}, stream);
  const std::vector<mx::array> halves = mx::split(turned, 2, 0, stream);
  const mx::array joined = mx::concatenate({halves[1], halves[0]}, 2, stream);
  return load_array(mx::reshape(joined, {stride * out, 2 * in}, stream));
}

/// A grouped kernel [C, C/groups, k] as a dense one [C, C, k].
mx::array ungrouped(const mx::array& weight, int groups) {
  const auto channels = static_cast<std::size_t>(weight.shape(0));
  const auto row = static_cast<std::size_t>(weight.shape(1) * weight.shape(2));
  const auto n_groups = static_cast<std::size_t>(groups);
  std::vector<float> dense(channels * row * n_groups);
  const std::span source(weight.data<float>(), channels * row);
  for (std::size_t c = 0; c < channels; ++c) {
    const std::size_t group = c / (channels / n_groups);
    std::ranges::copy(source.subspan(c * row, row),
                      dense.begin() + static_cast<std::ptrdiff_t>(
                                          (c * n_groups + group) * row));
  }
  return mx::array(dense.data(),
                   {weight.shape(0), weight.shape(0), weight.shape(2)},
                   mx::float32);
}

}  // namespace

CausalConv CausalConv::load(const std::string& name, const ConvSizes& sizes,
                            weights::WeightStore& store, mx::Dtype dtype) {
  const mx::array weight =
      store.take(name + ".weight", {sizes.out, sizes.in, sizes.kernel}, dtype);
  return {sizes,
          {.weight = tap_major(weight),
           .bias = store.take(name + ".bias", {sizes.out}, mx::float32),
           .kernel = sizes.kernel,
           .stride = sizes.stride,
           .dilation = sizes.dilation,
           .elu_input = sizes.elu_input}};
}

mx::array CausalConv::new_state() const {
  return zeros(conv_.state_rows(), sizes_.in);
}

mx::array CausalConv::forward(const kernels::Exec& exec, const mx::array& x,
                              mx::array& state,
                              const std::optional<mx::array>& residual) const {
  const int n_missing = missing_rows(x, conv_.stride);
  kernels::ConvResult result = kernels::conv1d(
      exec,
      n_missing == 0 ? x : followed_by(exec, x, zeros(1, sizes_.in), n_missing),
      state, conv_, residual);
  state = std::move(result.state);
  return std::move(result.y);
}

std::vector<mx::array> CausalConv::forward_each(
    const kernels::Exec& exec, std::span<const mx::array> xs,
    std::span<mx::array* const> states) const {
  const bool plain = conv_.stride == 1 && conv_.dilation == 1 &&
                     conv_.kernel > 1 && !conv_.elu_input;
  return plain && share_weights(xs) ? forward_windows(exec, xs, states)
                                    : one_by_one(*this, exec, xs, states);
}

// An output is a product of the weights and the `kernel` rows that it sees.
std::vector<mx::array> CausalConv::forward_windows(
    const kernels::Exec& exec, std::span<const mx::array> xs,
    std::span<mx::array* const> states) const {
  const int n_rows = xs[0].shape(0);
  std::vector<mx::array> windows;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const mx::array seen = kernels::join_rows(exec, {*states[i], xs[i]});
    for (int t = 0; t < n_rows; ++t) {
      windows.push_back(kernels::reshaped(
          exec, kernels::slice_rows(exec, seen, t, t + conv_.kernel),
          {1, conv_.kernel * sizes_.in}));
    }
    *states[i] = kernels::slice_rows(exec, seen, n_rows, seen.shape(0));
  }
  const std::size_t n_windows = windows.size();
  const mx::array input = kernels::join_rows(exec, std::move(windows));
  const mx::array bias =
      conv_.bias ? kernels::reshaped(exec, *conv_.bias, {1, sizes_.out})
                 : zeros(1, sizes_.out);
  const mx::array y = kernels::linear_residual(
      exec, input, {conv_.weight},
      kernels::join_rows(exec, std::vector(n_windows, bias)), std::nullopt);
  return kernels::split_rows(exec, y, static_cast<int>(xs.size()));
}

CausalConvTranspose CausalConvTranspose::load(const std::string& name,
                                              const ConvSizes& sizes,
                                              weights::WeightStore& store,
                                              mx::Dtype dtype) {
  CSM_CHECK(sizes.kernel == 2 * sizes.stride, "kernel must be 2*stride");
  const mx::array weight =
      store.take(name + ".weight", {sizes.in, sizes.out, sizes.kernel}, dtype);
  return {sizes,
          {.weight = phase_major(weight),
           .bias = store.take(name + ".bias", {sizes.out}, mx::float32),
           .stride = sizes.stride,
           .elu_input = sizes.elu_input}};
}

mx::array CausalConvTranspose::new_state() const { return zeros(1, sizes_.in); }

mx::array CausalConvTranspose::forward(const kernels::Exec& exec,
                                       const mx::array& x,
                                       mx::array& state) const {
  kernels::ConvResult result = kernels::conv_transpose1d(exec, x, state, conv_);
  state = std::move(result.state);
  return std::move(result.y);
}

// One signal of all streams, each behind its state; what the state itself gives
// is dropped.
std::vector<mx::array> CausalConvTranspose::forward_each(
    const kernels::Exec& exec, std::span<const mx::array> xs,
    std::span<mx::array* const> states) const {
  if (!share_weights(xs)) return one_by_one(*this, exec, xs, states);
  std::vector<mx::array> parts;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    parts.push_back(*states[i]);
    parts.push_back(xs[i]);
  }
  const mx::array y = kernels::conv_transpose1d(
                          exec, kernels::join_rows(exec, std::move(parts)),
                          zeros(1, sizes_.in), conv_)
                          .y;
  const int n_rows = xs[0].shape(0);
  std::vector<mx::array> ys;
  for (std::size_t i = 0; i < xs.size(); ++i) {
    const int first = static_cast<int>(i) * (n_rows + 1) + 1;
    ys.push_back(kernels::slice_rows(exec, y, first * conv_.stride,
                                     (first + n_rows) * conv_.stride));
    *states[i] = kernels::slice_rows(exec, xs[i], n_rows - 1, n_rows);
  }
  return ys;
}

Upsample Upsample::load(const std::string& name, int channels, int groups,
                        int stride, weights::WeightStore& store) {
  const mx::array weight = store.take(
      name + ".weight", {channels, channels / groups, 2 * stride}, mx::float32);
  const bool depthwise = groups == channels;
  return {channels, stride,
          depthwise ? load_array(mx::reshape(weight, {channels, 2 * stride},
                                             load_stream()))
                    : phase_major(ungrouped(weight, groups)),
          depthwise};
}

mx::array Upsample::new_state() const { return zeros(1, channels_); }

mx::array Upsample::forward(const kernels::Exec& exec, const mx::array& x,
                            mx::array& state) const {
  kernels::ConvResult result =
      depthwise_ ? kernels::upsample_depthwise(exec, x, state, weight_, stride_)
                 : kernels::conv_transpose1d(exec, x, state,
                                             {.weight = weight_,
                                              .bias = std::nullopt,
                                              .stride = stride_,
                                              .elu_input = false});
  state = std::move(result.state);
  return std::move(result.y);
}

Downsample Downsample::load(const std::string& name, int channels, int stride,
                            weights::WeightStore& store) {
  const mx::array weight = store.take(
      name + ".weight", {channels, channels, 2 * stride}, mx::float32);
  return Downsample({.weight = tap_major(weight),
                     .bias = std::nullopt,
                     .kernel = 2 * stride,
                     .stride = stride,
                     .dilation = 1,
                     .elu_input = false});
}

mx::array Downsample::forward(const kernels::Exec& exec, const mx::array& x,
                              State& state) const {
  const int n = x.shape(0);
  if (!state) {
    const mx::array first = kernels::slice_rows(exec, x, 0, 1);
    state = followed_by(exec, first, first, conv_.state_rows() - 1);
  }
  const int n_missing = missing_rows(x, conv_.stride);
  kernels::ConvResult result = kernels::conv1d(
      exec,
      n_missing == 0
          ? x
          : followed_by(exec, x, kernels::slice_rows(exec, x, n - 1, n),
                        n_missing),
      *state, conv_, std::nullopt);
  state = std::move(result.state);
  return std::move(result.y);
}

}  // namespace csm::nn
