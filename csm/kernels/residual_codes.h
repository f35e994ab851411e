#pragma once

#include <cstddef>
#include <cstdint>

#include "csm/kernels/isa.h"
#include "csm/kernels/parallel.h"

namespace csm::kernels {

/// One residual vector quantisation; residual_codes_op.h has the formula. All
/// arrays are dense float32. Does not own anything.
struct ResidualQuantizer {
  const float* x = nullptr;        // [n_rows, width]
  const float* entries = nullptr;  // [n_books*n_entries, width]
  const float* squares = nullptr;  // [n_books*n_entries], squared lengths
  std::int64_t n_rows = 0;
  std::int64_t width = 0;
  std::int64_t n_entries = 0;  // of a book
  std::int64_t n_books = 0;
  std::int32_t* codes = nullptr;  // [n_rows, n_books]
};

/// Floats of scratch that run_quantizer() needs.
[[nodiscard]] std::size_t quantizer_scratch(const ResidualQuantizer& q);

/// Allocates nothing.
/// Exact: the same codes for every Isa, thread count and number of rows
/// (csm/kernels/residual_codes_op_test.cpp).
void run_quantizer(const ResidualQuantizer& q, float* scratch, ThreadPool* pool,
                   Isa isa = kernel_isa());

/// Squared length of a vector, summed as matmul() sums.
[[nodiscard]] float squared_length(const float* x, std::int64_t width,
                                   Isa isa = kernel_isa());

}  // namespace csm::kernels
