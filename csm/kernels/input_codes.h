#pragma once

#include <cstddef>
#include <cstdint>

#include "csm/kernels/isa.h"
#include "csm/kernels/matmul.h"
#include "csm/kernels/parallel.h"
#include "csm/kernels/weight_view.h"

namespace csm::kernels {

// Integer weights are multiplied with integer codes of the inputs. For each
// group of columns (the group of the weights)
//   x ~ scale * code,  scale = max |x| / L,  code = round(x / scale),
// L = 127 for 4-bit weights and 16319 for 8-bit weights. Measured on normal
// inputs, relative to exact inputs (input_codes_test.cpp): 8-bit codes put an
// error of 0.6 % on a product, below a tenth of what 4-bit weights themselves
// do (9 %), but as much as 8-bit weights do (0.6 %); 15-bit codes put 0.005 %.

/// Largest code for weights of a type.
[[nodiscard]] constexpr int max_code(WeightType type) {
  return type == WeightType::kInt4 ? 127 : 16319;
}

/// Bytes from the codes of one row to those of the next; a multiple of 64.
[[nodiscard]] constexpr std::int64_t code_stride(std::int64_t n_in, int group) {
  return (2 * n_in + 8 * (n_in / group) + 63) / 64 * 64;
}

/// Rows to be coded. Does not own anything; no alignment beyond that of
/// floats is required. What lies in `codes` depends on the instruction set.
struct InputCoding {
  const float* x = nullptr;  // n_rows rows of n_in
  std::int64_t x_stride = 0;
  std::int64_t n_rows = 0;
  std::int64_t n_in = 0;         // a multiple of the group
  std::int64_t first_group = 0;  // that x begins with, for code_groups()
  WeightType type = WeightType::kInt8;
  int group = 64;
  std::byte* codes = nullptr;  // n_rows * code_stride(n_in, group)
};

/// The coding of a product's x, dense, for its weights.
[[nodiscard]] inline InputCoding coding_of(const Matmul& m, std::byte* codes) {
  return {.x = m.x,
          .x_stride = m.x_stride,
          .n_rows = m.n_rows,
          .n_in = m.n_in,
          .type = m.type,
          .group = m.format.group,
          .codes = codes};
}

/// Floats of memory that the codes of a product's x take; 0 for float weights.
[[nodiscard]] inline std::size_t code_floats(const Matmul& m) {
  if (!is_integer(m.type)) return 0;
  return static_cast<std::size_t>(m.n_rows *
                                  code_stride(m.n_in, m.format.group) / 4);
}

/// True if the codes of one x serve both products.
[[nodiscard]] inline bool same_codes(const Matmul& a, const Matmul& b) {
  return a.type == b.type && a.format.group == b.format.group;
}

/// Codes all rows. Allocates nothing.
///
/// A NaN or infinite input makes every product of its row NaN. Groups below
/// 2^-100 in magnitude count as zero.
/// Exact: the same codes for every Isa, thread count and number of rows
/// (input_codes_test.cpp).
void code_inputs(const InputCoding& coding, ThreadPool* pool,
                 Isa isa = kernel_isa());

/// Codes the columns of some groups of all rows on the calling thread.
void code_groups(const InputCoding& coding, Range groups, Isa isa);

}  // namespace csm::kernels
