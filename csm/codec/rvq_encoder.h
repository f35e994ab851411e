#pragma once

#include <optional>

#include "csm/codec/codebooks.h"
#include "csm/codec/mimi_config.h"
#include "csm/kernels/linear_op.h"
#include "csm/kernels/residual_codes_op.h"
#include "csm/weights/weight_store.h"

namespace csm::codec {

/// Turns latent vectors into codes: the semantic and the acoustic codebooks
/// each quantise a projection of their own of the same vector, book by book
/// what is left over.
///
/// Const after load(). Threads: engine thread only.
/// Source: Moshi (arXiv 2410.00037) section 3.3.2;
///         transformers MimiSplitResidualVectorQuantizer
class RvqEncoder {
 public:
  /// Takes the projections into the quantiser from the store.
  static RvqEncoder load(const MimiConfig& config, const Codebooks& codebooks,
                         weights::WeightStore& store);

  /// x [T, width] -> codes [T, n_codebooks] int32, of the first n_codebooks
  ///
  /// Throws: Error{kInvalidArgument} for a number that the codec does not have.
  [[nodiscard]] mx::array encode(const kernels::Exec& exec, const mx::array& x,
                                 int n_codebooks) const;

 private:
  struct Group {
    std::optional<kernels::Matrix> projection;  // [dim, width]; none: dim=width
    kernels::ResidualBooks books;

    [[nodiscard]] mx::array encode(const kernels::Exec& exec,
                                   const mx::array& x, int n_books) const;
  };

  RvqEncoder(Group semantic, Group acoustic)
      : semantic_(std::move(semantic)), acoustic_(std::move(acoustic)) {}

  Group semantic_;
  Group acoustic_;
};

}  // namespace csm::codec
