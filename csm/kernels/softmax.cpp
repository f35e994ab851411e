#include "csm/kernels/softmax.h"

#define CSM_KERNEL_BODY "csm/kernels/softmax-inl.h"
#include "csm/kernels/for_each_isa.inc"

namespace csm::kernels {
namespace {

constexpr IsaTable<void (*)(const float*, float*, std::int64_t)> kExp =
    CSM_ISA_TABLE(exp_n);
constexpr IsaTable<float (*)(const float*, float*, std::int64_t)> kExpAndSum =
    CSM_ISA_TABLE(exp_and_sum_n);
constexpr IsaTable<void (*)(const float*, float*, std::int64_t)> kSoftmax =
    CSM_ISA_TABLE(softmax_n);

}  // namespace

void exp_f32(const float* x, float* y, std::int64_t n, Isa isa) {
  kExp[isa](x, y, n);
}

float exp_and_sum(const float* x, float* y, std::int64_t n, Isa isa) {
  return kExpAndSum[isa](x, y, n);
}

void softmax_f32(const float* x, float* y, std::int64_t n, Isa isa) {
  kSoftmax[isa](x, y, n);
}

}  // namespace csm::kernels
