#include "csm/kernels/mlp.h"

#include <algorithm>
#include <span>

#include "csm/kernels/activation.h"
#include "csm/kernels/input_codes.h"

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
          .y_stride = n_out,
          .format = w.format};
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

std::size_t code_floats(const WeightView& w, std::int64_t n_rows,
                        std::int64_t n_in) {
  return kernels::code_floats(product(nullptr, n_rows, n_in, w, 0, nullptr));
}

/// Takes memory for a product's codes from scratch, if it needs any.
std::byte* take_codes(Matmul& m, float*& scratch) {
  const std::size_t n = kernels::code_floats(m);
  if (n == 0) return nullptr;
  std::byte* codes = std::as_writable_bytes(std::span(scratch, n)).data();
  scratch += n;
  m.codes = codes;
  return codes;
}

/// The same, and codes x.
void code_product(Matmul& m, float*& scratch, ThreadPool* pool, Isa isa) {
  std::byte* codes = take_codes(m, scratch);
  if (codes != nullptr) code_inputs(coding_of(m, codes), pool, isa);
}

/// Columns of the hidden layer that one thread must compute together: whole
/// tiles of the first matrices, whole groups of the last one's inputs.
std::int64_t hidden_unit(const Matmul& first, const Matmul& last) {
  if (is_integer(last.type)) return last.format.group;
  return is_integer(first.type) ? kTileOutputs : 1;
}

/// Part `part` of n columns in whole units.
Range part_in_units(std::int64_t n, std::int64_t unit, int part, int n_parts) {
  const Range units = part_of((n + unit - 1) / unit, part, n_parts);
  return {std::min(units.begin * unit, n), std::min(units.end * unit, n)};
}

/// Codes the columns `outs` of the last product's x, if it takes codes.
void code_hidden(const Matmul& last, std::byte* codes, Range outs, Isa isa) {
  if (codes == nullptr) return;
  const std::int64_t group = last.format.group;
  code_groups(coding_of(last, codes), {outs.begin / group, outs.end / group},
              isa);
}

}  // namespace

std::size_t mlp_scratch(const GatedMlp& mlp) {
  const std::int64_t n = mlp.n_rows;
  return static_cast<std::size_t>(n * (mlp.norm.width + 2 * mlp.hidden)) +
         code_floats(mlp.gate, n, mlp.norm.width) +
         code_floats(mlp.up, n, mlp.norm.width) +
         code_floats(mlp.down, n, mlp.hidden);
}

std::size_t mlp_scratch(const GeluMlp& mlp) {
  const std::int64_t n = mlp.n_rows;
  return static_cast<std::size_t>(n * (mlp.norm.width + mlp.hidden)) +
         code_floats(mlp.fc1, n, mlp.norm.width) +
         code_floats(mlp.fc2, n, mlp.hidden);
}

void run_mlp(const GatedMlp& mlp, float* scratch, ThreadPool* pool, Isa isa) {
  const std::int64_t n = mlp.n_rows;
  const std::int64_t hidden = mlp.hidden;
  float* b = scratch;                 // [n, width]
  float* g = b + n * mlp.norm.width;  // [n, hidden]
  float* u = g + n * hidden;          // [n, hidden]
  float* free = u + n * hidden;
  normalize_rows(mlp.norm, mlp.x, n, b, pool, isa);

  Matmul gate = product(b, n, mlp.norm.width, mlp.gate, hidden, g);
  Matmul up = product(b, n, mlp.norm.width, mlp.up, hidden, u);
  Matmul down =
      residual_product(g, n, hidden, mlp.down, mlp.norm, mlp.x, mlp.y);
  code_product(gate, free, pool, isa);
  if (same_codes(gate, up)) {
    up.codes = gate.codes;
  } else {
    code_product(up, free, pool, isa);
  }
  std::byte* codes = take_codes(down, free);
  const std::int64_t unit =
      std::max(hidden_unit(gate, down), hidden_unit(up, down));
  const int n_parts = fine_parts_for(pool, 2 * work_of(gate));
  run_parts(pool, n_parts, [&](int part) {
    const Range outs = part_in_units(hidden, unit, part, n_parts);
    matmul_block(gate, outs, Range{0, n}, isa);
    matmul_block(up, outs, Range{0, n}, isa);
    for (std::int64_t row = 0; row < n; ++row) {
      const std::int64_t at = row * hidden + outs.begin;
      silu_mul(g + at, u + at, g + at, outs.size(), isa);
    }
    code_hidden(down, codes, outs, isa);
  });
  matmul(down, pool, isa);
}

void run_mlp(const GeluMlp& mlp, float* scratch, ThreadPool* pool, Isa isa) {
  const std::int64_t n = mlp.n_rows;
  const std::int64_t hidden = mlp.hidden;
  float* b = scratch;                 // [n, width]
  float* h = b + n * mlp.norm.width;  // [n, hidden]
  float* free = h + n * hidden;
  normalize_rows(mlp.norm, mlp.x, n, b, pool, isa);

  Matmul fc1 = product(b, n, mlp.norm.width, mlp.fc1, hidden, h);
  Matmul fc2 = residual_product(h, n, hidden, mlp.fc2, mlp.norm, mlp.x, mlp.y);
  fc2.scale = mlp.layer_scale;
  code_product(fc1, free, pool, isa);
  std::byte* codes = take_codes(fc2, free);
  const std::int64_t unit = hidden_unit(fc1, fc2);
  const int n_parts = fine_parts_for(pool, work_of(fc1));
  run_parts(pool, n_parts, [&](int part) {
    const Range outs = part_in_units(hidden, unit, part, n_parts);
    matmul_block(fc1, outs, Range{0, n}, isa);
    for (std::int64_t row = 0; row < n; ++row) {
      float* at = h + row * hidden + outs.begin;
      gelu(at, at, outs.size(), isa);
    }
    code_hidden(fc2, codes, outs, isa);
  });
  matmul(fc2, pool, isa);
}

}  // namespace csm::kernels
