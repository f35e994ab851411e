#pragma once

#include <optional>

#include "csm/codec/codebooks.h"
#include "csm/codec/mimi_config.h"
#include "csm/kernels/linear_op.h"
#include "csm/weights/weight_store.h"

namespace csm::codec {

/// Turns codes into latent vectors: sums of codebook entries, the semantic
/// and the acoustic ones each with a projection of their own.
///
/// Const after load(). Threads: engine thread only.
/// Source: Moshi (arXiv 2410.00037) section 3.3.2;
///         transformers MimiSplitResidualVectorQuantizer
class RvqDecoder {
 public:
  /// Takes the projections out of the quantiser from the store.
  static RvqDecoder load(const MimiConfig& config, const Codebooks& codebooks,
                         weights::WeightStore& store);

  /// codes [T, K] int32, n_semantic < K <= n_codebooks (a prefix of the
  /// codebooks), may be lazy -> [T, width]
  ///
  /// A code that its codebook does not have adds nothing to the sum.
  /// Throws: Error{kInvalidArgument} for another K.
  [[nodiscard]] mx::array decode(const kernels::Exec& exec,
                                 const mx::array& codes) const;

 private:
  /// How the sum of a group of codebooks enters the latent vector.
  struct Projections {
    kernels::Matrix semantic;  // [width, dim]
    kernels::Matrix acoustic;  // [width, dim]
  };

  RvqDecoder(const MimiConfig& config, mx::array table,
             std::optional<Projections> projections);

  int n_codebooks_;
  int n_semantic_;
  int codebook_size_;
  mx::array table_;                         // Codebooks::table
  std::optional<Projections> projections_;  // none: dim is the width
};

}  // namespace csm::codec
