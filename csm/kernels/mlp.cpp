#include "csm/kernels/mlp.h"

#include "csm/kernels/activation.h"

namespace csm::kernels {
namespace {

/// x w^T into dense y.
Matmul product(const float* x, std::int64_t n_rows, std::int64_t n_in,
               const WeightView& w, std::int64_t n_out, float* y) {
  return {.x = x,
          .x_stride = n_in,
          .w = w.data,
          .type = w.type,
          .n_rows = n_rows,
          .n_out = n_out,
          .n_in = n_in,
          .y = y,
          .y_stride = n_out};
}

/// The last product, with the block's input as residual.
Matmul residual_product(const float* hidden, std::int64_t n_rows,
                        std::int64_t n_in, const WeightView& w,
                        const NormWeights& norm, const float* x, float* y) {
  Matmul m = product(hidden, n_rows, n_in, w, norm.width, y);
  m.residual = x;
  m.residual_stride = norm.width;
  return m;
}

}  // namespace

std::size_t mlp_scratch(const GatedMlp& mlp) {
  return static_cast<std::size_t>(mlp.n_rows *
                                  (mlp.norm.width + 2 * mlp.hidden));
}

std::size_t mlp_scratch(const GeluMlp& mlp) {
  return static_cast<std::size_t>(mlp.n_rows * (mlp.norm.width + mlp.hidden));
}

void run_mlp(const GatedMlp& mlp, float* scratch, ThreadPool* pool, Isa isa) {
  const std::int64_t n = mlp.n_rows;
  const std::int64_t hidden = mlp.hidden;
  float* b = scratch;                 // [n, width]
  float* g = b + n * mlp.norm.width;  // [n, hidden]
  float* u = g + n * hidden;          // [n, hidden]
  normalize_rows(mlp.norm, mlp.x, n, b, pool, isa);

  const Matmul gate = product(b, n, mlp.norm.width, mlp.gate, hidden, g);
  const Matmul up = product(b, n, mlp.norm.width, mlp.up, hidden, u);
  const int n_parts = parts_for(pool, 2 * work_of(gate));
  run_parts(pool, n_parts, [&](int part) {
    const Range outs = part_of(hidden, part, n_parts);
    matmul_block(gate, outs, Range{0, n}, isa);
    matmul_block(up, outs, Range{0, n}, isa);
    for (std::int64_t row = 0; row < n; ++row) {
      const std::int64_t at = row * hidden + outs.begin;
      silu_mul(g + at, u + at, g + at, outs.size(), isa);
    }
  });
  matmul(residual_product(g, n, hidden, mlp.down, mlp.norm, mlp.x, mlp.y), pool,
         isa);
}

void run_mlp(const GeluMlp& mlp, float* scratch, ThreadPool* pool, Isa isa) {
  const std::int64_t n = mlp.n_rows;
  const std::int64_t hidden = mlp.hidden;
  float* b = scratch;                 // [n, width]
  float* h = b + n * mlp.norm.width;  // [n, hidden]
  normalize_rows(mlp.norm, mlp.x, n, b, pool, isa);

  const Matmul fc1 = product(b, n, mlp.norm.width, mlp.fc1, hidden, h);
  const int n_parts = parts_for(pool, work_of(fc1));
  run_parts(pool, n_parts, [&](int part) {
    const Range outs = part_of(hidden, part, n_parts);
    matmul_block(fc1, outs, Range{0, n}, isa);
    for (std::int64_t row = 0; row < n; ++row) {
      float* at = h + row * hidden + outs.begin;
      gelu(at, at, outs.size(), isa);
    }
  });
  Matmul fc2 = residual_product(h, n, hidden, mlp.fc2, mlp.norm, mlp.x, mlp.y);
  fc2.scale = mlp.layer_scale;
  matmul(fc2, pool, isa);
}

}  // namespace csm::kernels
