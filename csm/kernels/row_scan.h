#pragma once

#include <cstdint>

#include "csm/kernels/isa.h"

namespace csm::kernels {

// Passes over one row of n >= 1 floats, for choosing among logits. Allocate
// nothing; no alignment is required.
// Exact: the same for every Isa (row_scan_test.cpp).

/// What a row holds.
struct RowRange {
  float smallest;        ///< of those that are not NaN; +infinity if none
  float largest;         ///< the same; -infinity if none
  std::int64_t n_above;  ///< elements that are NaN or +infinity
};

[[nodiscard]] RowRange range_of_row(const float* x, std::int64_t n,
                                    Isa isa = kernel_isa());

/// y = x / divisor. y may be x.
void divide_row(const float* x, std::int64_t n, float divisor, float* y,
                Isa isa = kernel_isa());

// The row of the functions below holds no NaN, and neither is the bound.

/// Elements x[i] >= bound.
[[nodiscard]] std::int64_t count_at_least(const float* x, std::int64_t n,
                                          float bound, Isa isa = kernel_isa());

/// The smallest element x[i] >= bound; +infinity if there is none.
[[nodiscard]] float smallest_at_least(const float* x, std::int64_t n,
                                      float bound, Isa isa = kernel_isa());

/// Writes the elements x[i] >= bound and their indices, in order, to arrays
/// with room for n; returns how many.
[[nodiscard]] std::int64_t take_at_least(const float* x, std::int64_t n,
                                         float bound, std::int32_t* indices,
                                         float* values, Isa isa = kernel_isa());

}  // namespace csm::kernels
