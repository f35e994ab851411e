#pragma once

#include <cstddef>
#include <cstdint>

#include "csm/kernels/matmul.h"
#include "csm/kernels/norm.h"

namespace csm::kernels {

/// y = x + down (silu(gate b) * (up b)), b = normalised x. Does not own
/// anything; y must not overlap x.
struct GatedMlp {
  const float* x = nullptr;  // [n_rows, norm.width]
  std::int64_t n_rows = 0;
  std::int64_t hidden = 0;
  NormWeights norm;
  WeightView gate;     // [hidden, width]
  WeightView up;       // [hidden, width]
  WeightView down;     // [width, hidden]
  float* y = nullptr;  // [n_rows, width]
};

/// y = x + layer_scale * (fc2 gelu(fc1 b)), b = normalised x. Does not own
/// anything; y must not overlap x.
struct GeluMlp {
  const float* x = nullptr;  // [n_rows, norm.width]
  std::int64_t n_rows = 0;
  std::int64_t hidden = 0;
  NormWeights norm;
  WeightView fc1;                      // [hidden, width]
  WeightView fc2;                      // [width, hidden]
  const float* layer_scale = nullptr;  // [width]
  float* y = nullptr;                  // [n_rows, width]
};

// Allocate nothing: scratch holds as many floats as the *_scratch function
// says. Exact: bit-equal for every Isa, thread count and number of rows
// (mlp_test.cpp).

[[nodiscard]] std::size_t mlp_scratch(const GatedMlp& mlp);
[[nodiscard]] std::size_t mlp_scratch(const GeluMlp& mlp);

void run_mlp(const GatedMlp& mlp, float* scratch, ThreadPool* pool,
             Isa isa = kernel_isa());
void run_mlp(const GeluMlp& mlp, float* scratch, ThreadPool* pool,
             Isa isa = kernel_isa());

}  // namespace csm::kernels
