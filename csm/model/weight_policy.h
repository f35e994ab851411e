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
  ///   type   q, k, gate, up, down  v, o, projection, heads  tables
  ///   f32    f32                   f32                      f32
  ///   bf16   bf16                  bf16                     bf16
  ///   int8   int8                  int8                     bf16
  ///   int4   int4                  int8                     bf16
  ///
  /// Integers come in groups of columns with bfloat16 scales. At int4, v and o
  /// hurt most of the layers' matrices: eight bits for them take a third off
  /// the logits' error for 5 % of a frame's bytes; those for projection and
  /// heads, whose error meets the logits directly, cost 2.5 %. Tables are
  /// looked up, not read through. docs/quantisation.md has the measurements.
  ///
  /// group  columns that share a scale: 32, 64 or 128
  static WeightPolicy of(kernels::WeightType type,
                         const nn::MatrixTarget& target = {}, int group = 64);
};

}  // namespace csm::model
