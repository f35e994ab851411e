#include "csm/codec/rvq_decoder.h"

#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/kernels/embedding_op.h"

namespace csm::codec {
RvqDecoder::RvqDecoder(const MimiConfig& config, mx::array table,
                       std::optional<Projections> projections)
    : n_codebooks_(config.n_codebooks),
      n_semantic_(config.n_semantic),
      codebook_size_(config.codebook_size),
      table_(std::move(table)),
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
  const auto sum_of = [&](int first, int last) {
    const kernels::CodebookColumns columns{
        .first = first,
        .last = last,
        .n_entries = codebook_size_,
        .no_row = n_codebooks_ * codebook_size_};
    return kernels::embedding_sum(
        exec, table_, kernels::codebook_rows(exec, codes, columns), 0);
  };
  const mx::array semantic = sum_of(0, n_semantic_);
  const mx::array acoustic = sum_of(n_semantic_, n_used);
  if (!projections_) {
    return mx::add(semantic, acoustic, exec.stream);
  }
  return kernels::linear_residual(
      exec, acoustic, projections_->acoustic,
      kernels::linear(exec, semantic, projections_->semantic), std::nullopt);
}

}  // namespace csm::codec
