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

/// Floats of one array that holds some hidden columns of all rows: with a
/// second one, the codes of the inputs and two tiles of weights they stay in
/// the second cache.
constexpr std::int64_t kHiddenFloats = 1 << 15;

/// Calls fn(outs, own) for columns that together are the hidden layer, one
/// thread for some columns of all rows at a time; `own` is for their products,
/// [2, n_rows, outs.size()] of `memory` [2, n_rows, hidden], of which many rows
/// touch only a part.
template <class Fn>
void for_hidden_columns(std::int64_t n_rows, std::int64_t hidden,
                        std::int64_t unit, int n_parts, float* memory,
                        ThreadPool* pool, const Fn& fn) {
  const std::int64_t least = std::max<std::int64_t>(unit, 64);
  const std::int64_t step =
      std::max(least, kHiddenFloats / n_rows / least * least);
  run_parts(pool, n_parts, [&](int part) {
    const Range all = part_in_units(hidden, unit, part, n_parts);
    for (std::int64_t i = all.begin; i < all.end; i += step) {
      fn(Range{i, std::min(i + step, all.end)},
         memory + 2 * n_rows * all.begin);
    }
  });
}

/// The weight rows `outs` of m, a product without epilogue, into dense y.
void multiply_rows(const Matmul& m, Range outs, float* y, Isa isa) {
  const std::int64_t bytes =
      is_integer(m.type) ? outs.begin / kTileOutputs *
                               affine_tile_bytes(m.type, m.format, m.n_in)
                         : outs.begin * m.n_in * bits_of(m.type) / 8;
  Matmul some = m;
  some.w = static_cast<const std::byte*>(m.w) + bytes;
  some.n_out = outs.size();
  some.y = y;
  some.y_stride = outs.size();
  matmul_block(some, {0, some.n_out}, {0, m.n_rows}, isa);
}

/// Makes columns `outs` of the last product's x, dense in h, its input: as
/// codes or, for float weights, in x [n_rows, n_in].
void hand_over(const Matmul& last, std::byte* codes, const float* h, Range outs,
               float* x, Isa isa) {
  if (codes == nullptr) {
    for (std::int64_t row = 0; row < last.n_rows; ++row) {
      std::copy_n(h + row * outs.size(), outs.size(),
                  x + row * last.n_in + outs.begin);
    }
    return;
  }
  const std::int64_t group = last.format.group;
  InputCoding coding = coding_of(last, codes);
  coding.x = h;
  coding.x_stride = outs.size();
  coding.first_group = outs.begin / group;
  code_groups(coding, {outs.begin / group, outs.end / group}, isa);
}

}  // namespace

std::size_t mlp_scratch(const GatedMlp& mlp) {
  const std::int64_t n = mlp.n_rows;
  return static_cast<std::size_t>(n * (mlp.norm.width + 3 * mlp.hidden)) +
         code_floats(mlp.gate, n, mlp.norm.width) +
         code_floats(mlp.up, n, mlp.norm.width) +
         code_floats(mlp.down, n, mlp.hidden);
}

std::size_t mlp_scratch(const GeluMlp& mlp) {
  const std::int64_t n = mlp.n_rows;
  return static_cast<std::size_t>(n * (mlp.norm.width + 3 * mlp.hidden)) +
         code_floats(mlp.fc1, n, mlp.norm.width) +
         code_floats(mlp.fc2, n, mlp.hidden);
}

void run_mlp(const GatedMlp& mlp, float* scratch, ThreadPool* pool, Isa isa) {
  const std::int64_t n = mlp.n_rows;
  const std::int64_t hidden = mlp.hidden;
  float* b = scratch;                 // [n, width]
  float* h = b + n * mlp.norm.width;  // [n, hidden]
  float* products = h + n * hidden;   // [2, n, hidden]
  float* free = products + 2 * n * hidden;
  normalize_rows(mlp.norm, mlp.x, n, b, pool, isa);

  Matmul gate = product(b, n, mlp.norm.width, mlp.gate, hidden, nullptr);
  Matmul up = product(b, n, mlp.norm.width, mlp.up, hidden, nullptr);
  Matmul down =
      residual_product(h, n, hidden, mlp.down, mlp.norm, mlp.x, mlp.y);
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
  for_hidden_columns(n, hidden, unit, n_parts, products, pool,
                     [&](Range outs, float* g) {
                       const std::int64_t size = n * outs.size();
                       float* u = g + size;
                       multiply_rows(gate, outs, g, isa);
                       multiply_rows(up, outs, u, isa);
                       silu_mul(g, u, g, size, isa);
                       hand_over(down, codes, g, outs, h, isa);
                     });
  matmul(down, pool, isa);
}

void run_mlp(const GeluMlp& mlp, float* scratch, ThreadPool* pool, Isa isa) {
  const std::int64_t n = mlp.n_rows;
  const std::int64_t hidden = mlp.hidden;
  float* b = scratch;                 // [n, width]
  float* h = b + n * mlp.norm.width;  // [n, hidden]
  float* products = h + n * hidden;   // [2, n, hidden]
  float* free = products + 2 * n * hidden;
  normalize_rows(mlp.norm, mlp.x, n, b, pool, isa);

  Matmul fc1 = product(b, n, mlp.norm.width, mlp.fc1, hidden, nullptr);
  Matmul fc2 = residual_product(h, n, hidden, mlp.fc2, mlp.norm, mlp.x, mlp.y);
  fc2.scale = mlp.layer_scale;
  code_product(fc1, free, pool, isa);
  std::byte* codes = take_codes(fc2, free);
  const std::int64_t unit = hidden_unit(fc1, fc2);
  const int n_parts = fine_parts_for(pool, work_of(fc1));
  for_hidden_columns(n, hidden, unit, n_parts, products, pool,
                     [&](Range outs, float* a) {
                       multiply_rows(fc1, outs, a, isa);
                       gelu(a, a, n * outs.size(), isa);
                       hand_over(fc2, codes, a, outs, h, isa);
                     });
  matmul(fc2, pool, isa);
}

}  // namespace csm::kernels
