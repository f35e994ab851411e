#pragma once

#include "csm/kernels/exec_op.h"

namespace csm::kernels {

/// The codebooks of a residual vector quantiser.
struct ResidualBooks {
  mx::array entries;  // [n_books*n_entries, width] float32, book by book
  mx::array squares;  // [n_books*n_entries] float32, squared_lengths(entries)
  int n_entries;      // of a book

  [[nodiscard]] int n_books() const { return entries.shape(0) / n_entries; }
};

/// Squared lengths of the rows of a [R, width] float32 array, evaluated: [R].
[[nodiscard]] mx::array squared_lengths(const mx::array& rows);

/// Codes of vectors: each book names the entry nearest to what the books before
/// it left over, r = x - sum of their entries, by the distance
///   (|r|^2 - 2 r.e) + |e|^2
/// in float32; the lowest index on a tie.
///
/// x        [N, width] float32
/// n_books  the first of the books, 1 to books.n_books()
/// returns  [N, n_books] int32, each in [0, n_entries)
///
/// Throws: Error{kInvalidArgument} for a shape or dtype that does not fit.
/// Threads: engine thread only.
/// Exact (CPU kernels): the same codes for every instruction set, thread count
/// and number of rows (csm/kernels/residual_codes_op_test.cpp).
[[nodiscard]] mx::array residual_codes(const Exec& exec, const mx::array& x,
                                       const ResidualBooks& books, int n_books);

}  // namespace csm::kernels
