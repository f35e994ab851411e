#pragma once

#include "csm/kernels/exec_op.h"

namespace csm::kernels {

/// Sums one table row per column:
///   y[n] = sum over c of table[c * column_stride + ids[n, c]]
///
/// table          [R, D] float32 or bfloat16
/// ids            [N, C] int32
/// column_stride  rows between the tables of two columns (V for codebooks that
///                share one table; 0 when all columns use the same rows)
/// returns        [N, D] float32; columns are added in order in float32
///
/// A row number outside [0, R) gives a row of NaN: ids are computed lazily, so
/// nothing can be thrown; check ids that come from outside.
///
/// Throws: Error{kInvalidArgument} for a shape or dtype that does not fit.
/// Threads: engine thread only.
/// Exact (CPU kernels): bit-equal for every thread count and number of rows
/// (csm/kernels/embedding_op_test.cpp).
[[nodiscard]] mx::array embedding_sum(const Exec& exec, const mx::array& table,
                                      const mx::array& ids, int column_stride);

/// Which columns of codes to look up, and where.
struct CodebookColumns {
  int first;      ///< column, which is the number of a codebook
  int last;       ///< one behind the last column
  int n_entries;  ///< rows of a codebook in the table
  int no_row;     ///< stands for codes that a codebook does not have
};

/// Row numbers of codes in a table that holds the codebooks one behind the
/// other: column * n_entries + code.
///
/// codes [T, K] int32 -> [T, last - first] int32
/// Throws: Error{kInvalidArgument} for a shape or dtype that does not fit.
[[nodiscard]] mx::array codebook_rows(const Exec& exec, const mx::array& codes,
                                      const CodebookColumns& columns);

}  // namespace csm::kernels
