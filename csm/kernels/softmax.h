#pragma once

#include <cstdint>

#include "csm/kernels/isa.h"

namespace csm::kernels {

// y may be x itself, but must not overlap it otherwise. Allocate nothing; no
// alignment is required.
// Exact: bit-equal for every Isa (softmax_test.cpp).

/// y = e^x for n floats, within 1 ulp, denormal results included.
void exp_f32(const float* x, float* y, std::int64_t n, Isa isa = kernel_isa());

/// y = e^(x - max x) for n floats and returns their sum, in 32 lanes: lane l
/// adds elements l, l+32, ... in order, then lane l+16, +8, +4, +2, +1.
///
/// -infinity gives 0; if all are, or one is NaN or +infinity, NaN comes out.
float exp_and_sum(const float* x, float* y, std::int64_t n,
                  Isa isa = kernel_isa());

/// y = softmax(x) over n floats: exp_and_sum, then divided by the sum.
void softmax_f32(const float* x, float* y, std::int64_t n,
                 Isa isa = kernel_isa());

}  // namespace csm::kernels
