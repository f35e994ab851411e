#pragma once

#include <cstdint>

#include "csm/kernels/isa.h"
#include "csm/kernels/parallel.h"

namespace csm::kernels {

// Normalisations of one row of `width` floats. y may be x itself, but must not
// overlap it otherwise. Allocate nothing; no alignment is required.
// Exact: bit-equal for every Isa (norm_test.cpp). Sums run in 32 lanes as
// those of matmul.h.

/// y = (x * r) * gain, r = 1 / sqrt(mean(x^2) + eps)
void rms_norm(const float* x, std::int64_t width, const float* gain, float eps,
              float* y, Isa isa = kernel_isa());

/// y = ((x - mean) * r) * gain + bias, r = 1 / sqrt(mean((x - mean)^2) + eps)
void layer_norm(const float* x, std::int64_t width, const float* gain,
                const float* bias, float eps, float* y, Isa isa = kernel_isa());

/// Parameters of either normalisation. Does not own anything.
struct NormWeights {
  const float* gain = nullptr;  // [width]
  const float* bias = nullptr;  // [width]: layer_norm; null: rms_norm
  float eps = 0.0F;
  std::int64_t width = 0;
};

/// Normalises n_rows dense rows of x into y.
void normalize_rows(const NormWeights& norm, const float* x,
                    std::int64_t n_rows, float* y, ThreadPool* pool,
                    Isa isa = kernel_isa());

}  // namespace csm::kernels
