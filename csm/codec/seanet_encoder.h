#pragma once

#include <string>
#include <vector>

#include "csm/codec/mimi_config.h"
#include "csm/codec/residual_block.h"
#include "csm/nn/streaming_conv.h"
#include "csm/weights/weight_store.h"

namespace csm::codec {

/// Mimi's convolutional encoder: samples to latent steps, one for each hop().
///
/// Const after load(). Threads: engine thread only.
/// Source: moshi modules/seanet.py; transformers MimiEncoder
class SeanetEncoder {
 public:
  /// States of all convolutions in the order in which they run.
  using State = std::vector<mx::array>;

  /// Takes `<prefix>.layers.<n>.*` from the store.
  static SeanetEncoder load(const SeanetConfig& config,
                            const std::string& prefix,
                            weights::WeightStore& store);

  /// State at the start of a stream.
  [[nodiscard]] State new_state() const;

  /// The next samples of a stream.
  ///
  /// x [n, 1] -> [ceil(n/hop), latent_width]. An n that is no multiple of hop
  /// ends the stream: where a convolution's stride does not divide its rows,
  /// zeros follow them.
  [[nodiscard]] mx::array forward(const kernels::Exec& exec, mx::array x,
                                  State& state) const;

 private:
  struct Stage {
    std::vector<ResidualBlock> blocks;
    nn::CausalConv downsample;
  };

  SeanetEncoder(nn::CausalConv first, std::vector<Stage> stages,
                nn::CausalConv last);

  nn::CausalConv first_;
  std::vector<Stage> stages_;
  nn::CausalConv last_;
};

}  // namespace csm::codec
