#include "csm/kernels/embedding.h"

#include <algorithm>
#include <bit>
#include <limits>

#include "csm/kernels/simd_target.h"

namespace csm::kernels {
namespace {

float widen(float x) { return x; }

float widen(Bf16 x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(x.bits) << 16);
}

template <class W>
void sum_row(const EmbeddingSum& e, std::int64_t n) {
  float* y = e.y + n * e.width;
  for (std::int64_t c = 0; c < e.n_columns; ++c) {
    const std::int64_t row = c * e.column_stride + e.ids[n * e.n_columns + c];
    if (row < 0 || row >= e.n_table_rows) {
      std::fill_n(y, e.width, std::numeric_limits<float>::quiet_NaN());
      return;
    }
    const W* w = static_cast<const W*>(e.table) + row * e.width;
    if (c == 0) {
      for (std::int64_t d = 0; d < e.width; ++d) y[d] = widen(w[d]);
    } else {
      for (std::int64_t d = 0; d < e.width; ++d) y[d] += widen(w[d]);
    }
  }
}

}  // namespace

void embedding_sum_rows(const EmbeddingSum& e, Range rows) {
  for (std::int64_t n = rows.begin; n < rows.end; ++n) {
    if (e.type == WeightType::kFloat32) {
      sum_row<float>(e, n);
    } else {
      sum_row<Bf16>(e, n);
    }
  }
}

}  // namespace csm::kernels
