#include "csm/kernels/affine_product.h"

#include "csm/kernels/fetch.h"
#include "csm/kernels/input_codes.h"

#define CSM_KERNEL_BODY "csm/kernels/affine_product-inl.h"
#include "csm/kernels/for_each_dot_isa.inc"

namespace csm::kernels {
namespace {

constexpr IsaTable<void (*)(const Matmul&, Range, Range)> kTilesBlock =
    CSM_DOT_ISA_TABLE(tiles_block);

}  // namespace

void affine_block(const Matmul& m, Range outs, Range rows, Isa isa) {
  kTilesBlock[isa](m, outs, rows);
}

}  // namespace csm::kernels
