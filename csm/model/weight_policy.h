#pragma once

#include "csm/nn/llama.h"
#include "csm/nn/load_matrix.h"

namespace csm::model {

/// How each kind of tensor is kept. Norms are always float32; the codec has
/// weights of its own.
struct WeightPolicy {
  nn::StackFormats backbone;
  nn::StackFormats depth;
  nn::MatrixFormat projection;     ///< backbone row -> depth decoder
  nn::MatrixFormat c0_head;        ///< logits of codebook 0
  nn::MatrixFormat heads;          ///< logits of the other codebooks
  mx::Dtype tables = mx::float32;  ///< embeddings
  nn::MatrixTarget target = {};

  /// The policy of a type of weights:
  ///
  ///   type   layers  projection, heads  tables
  ///   f32    f32     f32                f32
  ///   bf16   bf16    bf16               bf16
  ///   int8   int8    int8               bf16
  ///   int4   int4    int8               bf16
  ///
  /// Integers come in groups of 64 columns with bfloat16 scales. Of a frame's
  /// bytes at int4 the projection and the heads are 5 % at int8, and their
  /// error meets the logits directly; tables are looked up, not read through.
  static WeightPolicy of(kernels::WeightType type,
                         const nn::MatrixTarget& target = {});
};

}  // namespace csm::model
