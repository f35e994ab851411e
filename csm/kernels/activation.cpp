#include "csm/kernels/activation.h"

#define CSM_KERNEL_BODY "csm/kernels/activation-inl.h"
#include "csm/kernels/for_each_isa.inc"

namespace csm::kernels {
namespace {

using UnaryFn = void (*)(const float*, float*, std::int64_t);
using BinaryFn = void (*)(const float*, const float*, float*, std::int64_t);

constexpr IsaTable<BinaryFn> kSiluMul = CSM_ISA_TABLE(silu_mul_n);
constexpr IsaTable<UnaryFn> kGelu = CSM_ISA_TABLE(gelu_n);
constexpr IsaTable<UnaryFn> kElu = CSM_ISA_TABLE(elu_n);

}  // namespace

void silu_mul(const float* gate, const float* up, float* y, std::int64_t n,
              Isa isa) {
  kSiluMul[isa](gate, up, y, n);
}

void gelu(const float* x, float* y, std::int64_t n, Isa isa) {
  kGelu[isa](x, y, n);
}

void elu(const float* x, float* y, std::int64_t n, Isa isa) {
  kElu[isa](x, y, n);
}

}  // namespace csm::kernels
