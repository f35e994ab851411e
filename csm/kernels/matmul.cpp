#include "csm/kernels/matmul.h"

#include "csm/kernels/affine_product.h"
#include "csm/kernels/fetch.h"

#define CSM_KERNEL_BODY "csm/kernels/matmul-inl.h"
#include "csm/kernels/for_each_isa.inc"

namespace csm::kernels {
namespace {

constexpr IsaTable<void (*)(const Matmul&, Range, Range)> kMatmulBlock =
    CSM_ISA_TABLE(matmul_block);

}  // namespace

void matmul_block(const Matmul& m, Range outs, Range rows, Isa isa) {
  if (is_integer(m.type)) {
    affine_block(m, outs, rows, isa);
  } else {
    kMatmulBlock[isa](m, outs, rows);
  }
}

void matmul(const Matmul& m, ThreadPool* pool, Isa isa) {
  const std::int64_t work = work_of(m);
  const Range all_outs{0, m.n_out};
  const Range all_rows{0, m.n_rows};
  if (m.n_rows > 4 * m.n_out) {
    parallel_for(pool, m.n_rows, work,
                 [&](Range rows) { matmul_block(m, all_outs, rows, isa); });
  } else {
    const int n_parts = fine_parts_for(pool, work);
    run_parts(pool, n_parts, [&](int part) {
      matmul_block(m, outs_part(m, part, n_parts), all_rows, isa);
    });
  }
}

void matmul_all(std::span<const Matmul> ms, ThreadPool* pool, Isa isa) {
  std::int64_t work = 0;
  std::int64_t n_tiles = 0;
  for (const Matmul& m : ms) {
    work += work_of(m);
    n_tiles += affine_tile_count(m.n_out);
  }
  const int n_parts = fine_parts_for(pool, work);
  run_parts(pool, n_parts, [&](int part) {
    // The tiles of all matrices follow each other.
    Range tiles = part_of(n_tiles, part, n_parts);
    for (const Matmul& m : ms) {
      const Range outs{
          std::clamp<std::int64_t>(tiles.begin * kTileOutputs, 0, m.n_out),
          std::clamp<std::int64_t>(tiles.end * kTileOutputs, 0, m.n_out)};
      if (outs.size() > 0) matmul_block(m, outs, Range{0, m.n_rows}, isa);
      const std::int64_t own = affine_tile_count(m.n_out);
      tiles = {tiles.begin - own, tiles.end - own};
    }
  });
}

}  // namespace csm::kernels
