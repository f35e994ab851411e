#pragma once

#include "csm/kernels/matmul.h"

namespace csm::kernels {

/// matmul_block() for integer weights: each tile of weights is read once for
/// all rows. The sums are those of matmul.h.
void affine_block(const Matmul& m, Range outs, Range rows, Isa isa);

}  // namespace csm::kernels
