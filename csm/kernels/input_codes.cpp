#include "csm/kernels/input_codes.h"

#define CSM_KERNEL_BODY "csm/kernels/input_codes-inl.h"
#include "csm/kernels/for_each_dot_isa.inc"

namespace csm::kernels {
namespace {

constexpr IsaTable<void (*)(const InputCoding&, Range, Range)> kCodeRows =
    CSM_DOT_ISA_TABLE(code_rows);

}  // namespace

void code_inputs(const InputCoding& coding, ThreadPool* pool, Isa isa) {
  const Range groups{0, coding.n_in / coding.group};
  parallel_for(pool, coding.n_rows, 2 * coding.n_rows * coding.n_in,
               [&](Range rows) { kCodeRows[isa](coding, rows, groups); });
}

void code_groups(const InputCoding& coding, Range groups, Isa isa) {
  kCodeRows[isa](coding, Range{0, coding.n_rows}, groups);
}

}  // namespace csm::kernels
