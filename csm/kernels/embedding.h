#pragma once

#include <cstdint>

#include "csm/kernels/matmul.h"

namespace csm::kernels {

/// Sum of one table row per column; see embedding_op.h. Does not own anything.
struct EmbeddingSum {
  const void* table;           // [n_table_rows, width], dense
  WeightType type;             // of the table
  std::int64_t n_table_rows;   // R
  std::int64_t width;          // D
  const std::int32_t* ids;     // [n_rows, n_columns]
  std::int64_t n_rows;         // N
  std::int64_t n_columns;      // C, at least 1
  std::int64_t column_stride;  // table row = column * column_stride + id
  float* y;                    // [n_rows, width]
};

/// Computes the given rows of y; a row number outside the table gives NaN.
/// Allocates nothing. Exact: plain float32 additions in column order.
void embedding_sum_rows(const EmbeddingSum& e, Range rows);

}  // namespace csm::kernels
