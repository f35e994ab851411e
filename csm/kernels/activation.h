#pragma once

#include <cstdint>

#include "csm/kernels/isa.h"

namespace csm::kernels {

// Elementwise functions on n floats. y may be an input itself, but must not
// overlap one otherwise. Allocate nothing; no alignment is required.
// Exact: bit-equal for every Isa and position (activation_test.cpp).

/// y = silu(gate) * up with silu(x) = x / (1 + e^-x); silu within 3 ulp.
void silu_mul(const float* gate, const float* up, float* y, std::int64_t n,
              Isa isa = kernel_isa());

/// y = x Phi(x), the exact (erf) GELU; relative error <= 8 ulp where the
/// result is a normal number.
void gelu(const float* x, float* y, std::int64_t n, Isa isa = kernel_isa());

/// y = x > 0 ? x : e^x - 1 (ELU with alpha 1), within 2 ulp.
void elu(const float* x, float* y, std::int64_t n, Isa isa = kernel_isa());

}  // namespace csm::kernels
