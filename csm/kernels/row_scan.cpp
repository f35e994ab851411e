#include "csm/kernels/row_scan.h"

#define CSM_KERNEL_BODY "csm/kernels/row_scan-inl.h"
#include "csm/kernels/for_each_isa.inc"

namespace csm::kernels {
namespace {

constexpr IsaTable<RowRange (*)(const float*, std::int64_t)> kRange =
    CSM_ISA_TABLE(range_n);
constexpr IsaTable<void (*)(const float*, std::int64_t, float, float*)>
    kDivide = CSM_ISA_TABLE(divide_n);
constexpr IsaTable<std::int64_t (*)(const float*, std::int64_t, float)> kCount =
    CSM_ISA_TABLE(count_at_least_n);
constexpr IsaTable<float (*)(const float*, std::int64_t, float)> kSmallest =
    CSM_ISA_TABLE(smallest_at_least_n);
constexpr IsaTable<std::int64_t (*)(const float*, std::int64_t, float,
                                    std::int32_t*, float*)>
    kTake = CSM_ISA_TABLE(take_at_least_n);

}  // namespace

RowRange range_of_row(const float* x, std::int64_t n, Isa isa) {
  return kRange[isa](x, n);
}

void divide_row(const float* x, std::int64_t n, float divisor, float* y,
                Isa isa) {
  kDivide[isa](x, n, divisor, y);
}

std::int64_t count_at_least(const float* x, std::int64_t n, float bound,
                            Isa isa) {
  return kCount[isa](x, n, bound);
}

float smallest_at_least(const float* x, std::int64_t n, float bound, Isa isa) {
  return kSmallest[isa](x, n, bound);
}

std::int64_t take_at_least(const float* x, std::int64_t n, float bound,
                           std::int32_t* indices, float* values, Isa isa) {
  return kTake[isa](x, n, bound, indices, values);
}

}  // namespace csm::kernels
