#include "csm/kernels/residual_codes.h"

#include <algorithm>
#include <limits>

#include "csm/kernels/matmul.h"

namespace csm::kernels {
namespace {

/// The entry with the smallest (|x|^2 - 2 x.e) + |e|^2, the first of several;
/// 0 if none is a number.
std::int64_t nearest(float x_squared, const float* products,
                     const float* squares, std::int64_t n_entries) {
  float least = std::numeric_limits<float>::infinity();
  std::int64_t best = 0;
  for (std::int64_t e = 0; e < n_entries; ++e) {
    const float distance = (x_squared - 2.0F * products[e]) + squares[e];
    if (distance < least) {
      least = distance;
      best = e;
    }
  }
  return best;
}

}  // namespace

float squared_length(const float* x, std::int64_t width, Isa isa) {
  float sum = 0;
  matmul({.x = x,
          .x_stride = width,
          .w = x,
          .n_rows = 1,
          .n_out = 1,
          .n_in = width,
          .y = &sum,
          .y_stride = 1},
         nullptr, isa);
  return sum;
}

std::size_t quantizer_scratch(const ResidualQuantizer& q) {
  return static_cast<std::size_t>(q.n_rows * (q.width + q.n_entries));
}

void run_quantizer(const ResidualQuantizer& q, float* scratch, ThreadPool* pool,
                   Isa isa) {
  float* const left = scratch;  // [n_rows, width], what the books leave over
  float* const products =       // [n_rows, n_entries]
      std::copy_n(q.x, q.n_rows * q.width, left);
  for (std::int64_t book = 0; book < q.n_books; ++book) {
    const float* entries = q.entries + book * q.n_entries * q.width;
    const float* squares = q.squares + book * q.n_entries;
    matmul({.x = left,
            .x_stride = q.width,
            .w = entries,
            .n_rows = q.n_rows,
            .n_out = q.n_entries,
            .n_in = q.width,
            .y = products,
            .y_stride = q.n_entries},
           pool, isa);
    parallel_for(pool, q.n_rows, q.n_rows * q.n_entries, [&](Range rows) {
      for (std::int64_t n = rows.begin; n < rows.end; ++n) {
        float* row = left + n * q.width;
        const std::int64_t code =
            nearest(squared_length(row, q.width, isa),
                    products + n * q.n_entries, squares, q.n_entries);
        const float* entry = entries + code * q.width;
        for (std::int64_t i = 0; i < q.width; ++i) row[i] -= entry[i];
        q.codes[n * q.n_books + book] = static_cast<std::int32_t>(code);
      }
    });
  }
}

}  // namespace csm::kernels
