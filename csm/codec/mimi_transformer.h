#pragma once

#include <span>
#include <string>
#include <vector>

#include "csm/codec/mimi_config.h"
#include "csm/kernels/linear_op.h"
#include "csm/nn/kv_cache.h"
#include "csm/weights/weight_store.h"

namespace csm::codec {

/// One of Mimi's two transformers: pre-norm LayerNorm layers with layer
/// scales, exact GELU, and causal attention over a window of steps.
///
/// A step sees keys 0 <= delta < window back, in a stream as offline: the
/// cache is a ring with room for the rows of a call beside the window.
/// Const after load(). Threads: engine thread only.
/// Source: Moshi (arXiv 2410.00037) section 3.3.1; moshi modules/transformer.py
class MimiTransformer {
 public:
  /// Takes `<prefix>.layers.<n>.*` from the store; matrices are kept as
  /// `dtype`, float32 or bfloat16.
  static MimiTransformer load(const MimiTransformerConfig& config,
                              const std::string& prefix,
                              weights::WeightStore& store,
                              mx::Dtype dtype = mx::float32);

  /// Cache of an empty stream for calls of at most `max_rows` rows.
  [[nodiscard]] nn::KvCache new_cache(int max_rows) const;

  /// The next steps of one or several streams, whose rows follow each other.
  ///
  /// x [N, width] -> [N, width]; the caches move on
  [[nodiscard]] mx::array forward(const kernels::Exec& exec, mx::array x,
                                  std::span<const nn::CacheShare> shares) const;

 private:
  struct Layer {
    kernels::Norm attn_norm;  // [width], with bias
    kernels::Matrix q;        // [H*Dh, width]
    kernels::Matrix k, v;     // [Hkv*Dh, width]
    kernels::Matrix o;        // [width, H*Dh]
    mx::array attn_scale;     // [width]
    kernels::Norm mlp_norm;   // [width], with bias
    kernels::Matrix fc1;      // [hidden, width]
    kernels::Matrix fc2;      // [width, hidden]
    mx::array mlp_scale;      // [width]
  };

  MimiTransformer(const MimiTransformerConfig& config,
                  std::vector<Layer> layers);
  static Layer load_layer(const MimiTransformerConfig& config,
                          const std::string& prefix,
                          weights::WeightStore& store, mx::Dtype dtype);

  MimiTransformerConfig config_;
  std::vector<Layer> layers_;
  mx::array inv_freq_;  // [Dh/2]
};

}  // namespace csm::codec
