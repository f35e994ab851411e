#include "csm/kernels/conv.h"

#include <algorithm>

#include "csm/kernels/activation.h"
#include "csm/kernels/matmul.h"

namespace csm::kernels {
namespace {

/// Copies n floats, through ELU if asked.
void copy_input(const float* x, float* y, std::int64_t n, bool elu_input,
                ThreadPool* pool, Isa isa) {
  constexpr std::int64_t kEluWork = 16;  // multiply-adds of one ELU, about
  parallel_for(pool, n, elu_input ? kEluWork * n : n, [&](Range range) {
    if (elu_input) {
      elu(x + range.begin, y + range.begin, range.size(), isa);
    } else {
      std::copy(x + range.begin, x + range.end, y + range.begin);
    }
  });
}

/// Rows [P, ...) of the state followed by x: what the next call needs.
void keep_state(const CausalConv& conv) {
  const std::int64_t n_state = conv.state_rows();
  const std::int64_t from_state = std::max<std::int64_t>(
      0, n_state - conv.n_rows);  // rows that stay from the old state
  const std::int64_t from_x = n_state - from_state;
  float* out = conv.new_state;
  out =
      std::copy_n(conv.state + from_x * conv.n_in, from_state * conv.n_in, out);
  std::copy_n(conv.x + (conv.n_rows - from_x) * conv.n_in, from_x * conv.n_in,
              out);
}

bool needs_copy(const CausalConv& conv) {
  return conv.elu_input || conv.state_rows() > 0;
}

std::int64_t joined_size(const CausalConv& conv) {
  return needs_copy(conv) ? (conv.state_rows() + conv.n_rows) * conv.n_in : 0;
}

std::int64_t frames_size(const CausalConv& conv) {
  if (conv.dilation == 1) return 0;
  return conv.n_rows / conv.stride * conv.kernel * conv.n_in;
}

/// With a dilation the taps of one output are not neighbours: gathers them.
void gather_frames(const CausalConv& conv, const float* input, float* frames) {
  const std::int64_t n_out_rows = conv.n_rows / conv.stride;
  for (std::int64_t t = 0; t < n_out_rows; ++t) {
    for (std::int64_t tap = 0; tap < conv.kernel; ++tap) {
      const std::int64_t row = t * conv.stride + tap * conv.dilation;
      frames = std::copy_n(input + row * conv.n_in, conv.n_in, frames);
    }
  }
}

}  // namespace

std::size_t conv_scratch(const CausalConv& conv) {
  return static_cast<std::size_t>(joined_size(conv) + frames_size(conv));
}

std::size_t conv_scratch(const CausalConvTranspose& conv) {
  const std::int64_t biases =
      conv.bias != nullptr ? conv.stride * conv.n_out : 0;
  return static_cast<std::size_t>((conv.n_rows + 1) * conv.n_in + biases);
}

void run_conv(const CausalConv& conv, float* scratch, ThreadPool* pool,
              Isa isa) {
  const float* input = conv.x;
  if (needs_copy(conv)) {
    const std::int64_t n_state = conv.state_rows() * conv.n_in;
    if (n_state > 0) {
      copy_input(conv.state, scratch, n_state, conv.elu_input, pool, isa);
      keep_state(conv);
    }
    copy_input(conv.x, scratch + n_state, conv.n_rows * conv.n_in,
               conv.elu_input, pool, isa);
    input = scratch;
  }
  const std::int64_t width = conv.kernel * conv.n_in;
  std::int64_t step = conv.stride * conv.n_in;
  if (conv.dilation > 1) {
    float* frames = scratch + joined_size(conv);
    gather_frames(conv, input, frames);
    input = frames;
    step = width;
  }
  matmul({.x = input,
          .x_stride = step,
          .w = conv.weight.data,
          .type = conv.weight.type,
          .n_rows = conv.n_rows / conv.stride,
          .n_out = conv.n_out,
          .n_in = width,
          .y = conv.y,
          .y_stride = conv.n_out,
          .bias = conv.bias,
          .residual = conv.residual,
          .residual_stride = conv.n_out},
         pool, isa);
}

void run_conv(const CausalConvTranspose& conv, float* scratch, ThreadPool* pool,
              Isa isa) {
  const std::int64_t n_in = conv.n_in;
  const std::int64_t width = conv.stride * conv.n_out;
  copy_input(conv.state, scratch, n_in, conv.elu_input, nullptr, isa);
  copy_input(conv.x, scratch + n_in, conv.n_rows * n_in, conv.elu_input, pool,
             isa);
  float* bias = nullptr;
  if (conv.bias != nullptr) {
    bias = scratch + (conv.n_rows + 1) * n_in;
    for (std::int64_t j = 0; j < conv.stride; ++j) {
      std::copy_n(conv.bias, conv.n_out, bias + j * conv.n_out);
    }
  }
  matmul({.x = scratch,
          .x_stride = n_in,
          .w = conv.weight.data,
          .type = conv.weight.type,
          .n_rows = conv.n_rows,
          .n_out = width,
          .n_in = 2 * n_in,
          .y = conv.y,
          .y_stride = width,
          .bias = bias},
         pool, isa);
  std::copy_n(conv.x + (conv.n_rows - 1) * n_in, n_in, conv.new_state);
}

void run_upsample(const DepthwiseUpsample& up) {
  const std::int64_t width = up.width;
  float* y = up.y;
  for (std::int64_t t = 0; t < up.n_rows; ++t) {
    const float* now = up.x + t * width;
    const float* before = t == 0 ? up.state : now - width;
    for (std::int64_t j = 0; j < up.stride; ++j, y += width) {
      const float* w = up.weight + j;
      for (std::int64_t c = 0; c < width; ++c, w += 2 * up.stride) {
        y[c] = before[c] * w[up.stride] + now[c] * w[0];
      }
    }
  }
  std::copy_n(up.x + (up.n_rows - 1) * width, width, up.new_state);
}

}  // namespace csm::kernels
