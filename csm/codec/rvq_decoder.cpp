#include "csm/codec/rvq_decoder.h"

#include <cstdint>
#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/kernels/embedding_op.h"

namespace csm::codec {
namespace {

mx::array codebook_offsets(const MimiConfig& config) {
  std::vector<std::int32_t> first;
  for (int book = 0; book < config.n_codebooks; ++book) {
    first.push_back(book * config.codebook_size);
  }
  return mx::array(first.data(), {1, config.n_codebooks}, mx::int32);
}

/// Columns first..last of [T, K].
mx::array columns(const kernels::Exec& exec, const mx::array& x, int first,
                  int last) {
  return mx::slice(x, {0, first}, {x.shape(0), last}, exec.stream);
}

}  // namespace

RvqDecoder::RvqDecoder(const MimiConfig& config, mx::array table,
                       std::optional<Projections> projections)
    : n_codebooks_(config.n_codebooks),
      n_semantic_(config.n_semantic),
      codebook_size_(config.codebook_size),
      table_(std::move(table)),
      offsets_(codebook_offsets(config)),
      projections_(std::move(projections)) {}

RvqDecoder RvqDecoder::load(const MimiConfig& config,
                            const Codebooks& codebooks,
                            weights::WeightStore& store) {
  const int width = config.transformer.width;
  const auto projection = [&](BookGroup group) {
    return kernels::Matrix{
        load_projection(group, "output", width, config.codebook_dim, store)};
  };
  std::optional<Projections> projections;
  if (config.codebook_dim != width) {
    projections = {.semantic = projection(BookGroup::kSemantic),
                   .acoustic = projection(BookGroup::kAcoustic)};
  }
  return {config, codebooks.table, std::move(projections)};
}

mx::array RvqDecoder::table_rows(const kernels::Exec& exec,
                                 const mx::array& codes) const {
  const mx::Stream& stream = exec.stream;
  const mx::array valid = mx::logical_and(
      mx::greater_equal(codes, mx::array(0), stream),
      mx::less(codes, mx::array(codebook_size_), stream), stream);
  const mx::array offsets = columns(exec, offsets_, 0, codes.shape(1));
  return mx::where(valid, mx::add(codes, offsets, stream),
                   mx::array(n_codebooks_ * codebook_size_), stream);
}

mx::array RvqDecoder::decode(const kernels::Exec& exec,
                             const mx::array& codes) const {
  const int n_rows = codes.ndim() == 2 ? codes.shape(0) : 0;
  const int n_used = codes.ndim() == 2 ? codes.shape(1) : 0;
  if (n_rows == 0 || n_used <= n_semantic_ || n_used > n_codebooks_ ||
      codes.dtype() != mx::int32) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[codec.rvq] expected int32 codes of ", n_semantic_ + 1,
                        " to ", n_codebooks_, " codebooks, got ", codes.dtype(),
                        " [", n_rows, ", ", n_used, "]"));
  }
  const mx::array rows = table_rows(exec, codes);
  const mx::array semantic = kernels::embedding_sum(
      exec, table_, columns(exec, rows, 0, n_semantic_), 0);
  const mx::array acoustic = kernels::embedding_sum(
      exec, table_, columns(exec, rows, n_semantic_, n_used), 0);
  if (!projections_) {
    return mx::add(semantic, acoustic, exec.stream);
  }
  return kernels::linear_residual(
      exec, acoustic, projections_->acoustic,
      kernels::linear(exec, semantic, projections_->semantic), std::nullopt);
}

}  // namespace csm::codec
