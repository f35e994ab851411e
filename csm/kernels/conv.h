#pragma once

#include <cstddef>
#include <cstdint>

#include "csm/kernels/isa.h"
#include "csm/kernels/parallel.h"
#include "csm/kernels/weight_view.h"

namespace csm::kernels {

// Streaming causal convolutions; conv_op.h has the formulas. All arrays are
// dense float32, time-major, weights float32 or bfloat16; outputs overlap
// nothing. The functions allocate
// nothing: scratch holds as many floats as conv_scratch() says.
// Exact: bit-equal for every Isa, thread count and chunking (conv_test.cpp).

/// One causal convolution of T rows. Does not own anything.
struct CausalConv {
  const float* x = nullptr;         // [n_rows, n_in], n_rows = T
  const float* state = nullptr;     // [state_rows, n_in]; unused if there are 0
  WeightView weight;                // [n_out, kernel*n_in], tap-major
  const float* bias = nullptr;      // [n_out] or null
  const float* residual = nullptr;  // [n_rows/stride, n_out] or null
  std::int64_t n_rows = 0;          // a multiple of stride
  std::int64_t n_in = 0;
  std::int64_t n_out = 0;
  std::int64_t kernel = 1;
  std::int64_t stride = 1;
  std::int64_t dilation = 1;
  bool elu_input = false;
  float* y = nullptr;          // [n_rows/stride, n_out]
  float* new_state = nullptr;  // [state_rows, n_in]; unused if there are 0

  [[nodiscard]] std::int64_t state_rows() const {
    return (kernel - 1) * dilation + 1 - stride;
  }
};

/// One causal transposed convolution with kernel 2*stride. Does not own
/// anything.
struct CausalConvTranspose {
  const float* x = nullptr;      // [n_rows, n_in]
  const float* state = nullptr;  // [1, n_in]
  WeightView weight;             // [stride*n_out, 2*n_in]
  const float* bias = nullptr;   // [n_out] or null
  std::int64_t n_rows = 0;
  std::int64_t n_in = 0;
  std::int64_t n_out = 0;
  std::int64_t stride = 1;
  bool elu_input = false;
  float* y = nullptr;          // [n_rows*stride, n_out]
  float* new_state = nullptr;  // [1, n_in]
};

/// One depthwise transposed convolution with kernel 2*stride. Does not own
/// anything.
struct DepthwiseUpsample {
  const float* x = nullptr;       // [n_rows, width]
  const float* state = nullptr;   // [1, width]
  const float* weight = nullptr;  // [width, 2*stride]
  std::int64_t n_rows = 0;
  std::int64_t width = 0;
  std::int64_t stride = 1;
  float* y = nullptr;          // [n_rows*stride, width]
  float* new_state = nullptr;  // [1, width]
};

[[nodiscard]] std::size_t conv_scratch(const CausalConv& conv);
[[nodiscard]] std::size_t conv_scratch(const CausalConvTranspose& conv);

void run_conv(const CausalConv& conv, float* scratch, ThreadPool* pool,
              Isa isa = kernel_isa());
void run_conv(const CausalConvTranspose& conv, float* scratch, ThreadPool* pool,
              Isa isa = kernel_isa());

/// Plain multiplications and one addition per sample: no scratch, no Isa.
void run_upsample(const DepthwiseUpsample& up);

}  // namespace csm::kernels
