#include "csm/codec/rvq_encoder.h"

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/nn/load_array.h"

namespace csm::codec {
namespace {

/// Books [first, last) of the table, which is not copied.
kernels::ResidualBooks load_books(const MimiConfig& config,
                                  const Codebooks& codebooks, int first,
                                  int last) {
  const int size = config.codebook_size;
  mx::array entries =
      mx::slice(codebooks.table, {first * size, 0},
                {last * size, config.codebook_dim}, nn::load_stream());
  entries.eval();
  mx::array squares = kernels::squared_lengths(entries);
  return {.entries = std::move(entries),
          .squares = std::move(squares),
          .n_entries = size};
}

}  // namespace

RvqEncoder RvqEncoder::load(const MimiConfig& config,
                            const Codebooks& codebooks,
                            weights::WeightStore& store) {
  const int width = config.transformer.width;
  const auto projection =
      [&](BookGroup group) -> std::optional<kernels::Matrix> {
    if (config.codebook_dim == width) return std::nullopt;
    return kernels::Matrix{
        load_projection(group, "input", config.codebook_dim, width, store)};
  };
  return {{.projection = projection(BookGroup::kSemantic),
           .books = load_books(config, codebooks, 0, config.n_semantic)},
          {.projection = projection(BookGroup::kAcoustic),
           .books = load_books(config, codebooks, config.n_semantic,
                               config.n_codebooks)}};
}

mx::array RvqEncoder::Group::encode(const kernels::Exec& exec,
                                    const mx::array& x, int n_books) const {
  return kernels::residual_codes(
      exec, projection ? kernels::linear(exec, x, *projection) : x, books,
      n_books);
}

mx::array RvqEncoder::encode(const kernels::Exec& exec, const mx::array& x,
                             int n_codebooks) const {
  const int n_semantic = semantic_.books.n_books();
  const int n_all = n_semantic + acoustic_.books.n_books();
  if (n_codebooks < 1 || n_codebooks > n_all) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[codec.encoder] expected 1 to ", n_all,
                        " codebooks, got ", n_codebooks));
  }
  if (n_codebooks <= n_semantic) return semantic_.encode(exec, x, n_codebooks);
  return mx::concatenate({semantic_.encode(exec, x, n_semantic),
                          acoustic_.encode(exec, x, n_codebooks - n_semantic)},
                         1, exec.stream);
}

}  // namespace csm::codec
