#pragma once

#include <span>
#include <string>
#include <vector>

#include "csm/kernels/linear_op.h"
#include "csm/nn/kv_cache.h"
#include "csm/nn/load_matrix.h"
#include "csm/nn/rope.h"
#include "csm/weights/weight_store.h"

namespace csm::nn {

/// Sizes of one Llama transformer (backbone or depth decoder).
struct LlamaConfig {
  int width;   ///< D
  int hidden;  ///< width of the gated feed-forward block
  int n_layers;
  int n_heads;        ///< H
  int n_kv_heads;     ///< Hkv, divides H
  int head_dim;       ///< Dh, even; H*Dh need not be D
  int max_positions;  ///< longest sequence
  float norm_eps;     ///< added to the mean square in every RMSNorm
  RopeConfig rope;
};

/// How the matrices of a stack are kept.
struct StackFormats {
  MatrixFormat scores;  ///< q, k
  MatrixFormat values;  ///< v, o
  MatrixFormat mlp;     ///< gate, up, down
};

/// A stack of Llama layers with grouped-query attention, and the final norm.
///
/// Owns its weights, const after load(). Threads: engine thread only.
/// Exact: <= 2e-4 against transformers 4.57.6 (tests/parity/csm_test.cpp)
/// Source: transformers CsmDecoderLayer
class LlamaStack {
 public:
  /// Takes the tensors `<prefix>.<layer>.<name>` and `<prefix>.norm` from the
  /// store; matrices are kept in the given formats.
  ///
  /// Throws: Error{kNotFound} or Error{kCorrupt} naming a missing or
  /// misshapen tensor.
  static LlamaStack load(const LlamaConfig& config, const std::string& prefix,
                         weights::WeightStore& store,
                         const StackFormats& formats,
                         const MatrixTarget& target);

  /// An empty cache for at most `max_positions`, for sequences in step.
  [[nodiscard]] KvCache new_cache(int max_positions, int n_sequences = 1) const;

  /// Runs the rows of a batch of caches, which follow each other in x, through
  /// all layers. A row's result does not depend on the other caches.
  ///
  /// x [N, D] -> [N, D] before the final norm; every cache moves on by its
  /// positions
  /// Throws: Error{kExhausted} if a cache has no room; then none moves on.
  [[nodiscard]] mx::array forward(const kernels::Exec& exec, mx::array x,
                                  std::span<const CacheShare> shares) const;

  [[nodiscard]] const kernels::Norm& final_norm() const { return norm_; }

 private:
  struct Layer {
    kernels::Norm attn_norm;   // [D]
    kernels::Matrix q;         // [H*Dh, D]
    kernels::Matrix k, v;      // [Hkv*Dh, D]
    kernels::Matrix o;         // [D, H*Dh]
    kernels::Norm ffn_norm;    // [D]
    kernels::Matrix gate, up;  // [hidden, D]
    kernels::Matrix down;      // [D, hidden]
  };

  LlamaStack(const LlamaConfig& config, std::vector<Layer> layers,
             kernels::Norm norm);
  static Layer load_layer(const LlamaConfig& config, const std::string& prefix,
                          weights::WeightStore& store,
                          const StackFormats& formats,
                          const MatrixTarget& target);

  LlamaConfig config_;
  std::vector<Layer> layers_;
  kernels::Norm norm_;
  mx::array inv_freq_;  // [Dh/2]
};

}  // namespace csm::nn
