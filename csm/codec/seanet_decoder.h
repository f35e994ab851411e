#pragma once

#include <span>
#include <string>
#include <vector>

#include "csm/codec/mimi_config.h"
#include "csm/codec/residual_block.h"
#include "csm/nn/streaming_conv.h"
#include "csm/weights/weight_store.h"

namespace csm::codec {

/// Mimi's convolutional decoder: latent steps to samples, hop() for each.
///
/// Const after load(). Threads: engine thread only.
/// Source: moshi modules/seanet.py; transformers MimiDecoder
class SeanetDecoder {
 public:
  /// States of all convolutions in the order in which they run.
  using State = std::vector<mx::array>;

  /// Takes `<prefix>.layers.<n>.*` from the store.
  ///
  /// first_weights  type in which the first convolution and the first
  ///                upsampling keep their weights: most of all, each used for
  ///                the two steps of a frame only
  static SeanetDecoder load(const SeanetConfig& config,
                            const std::string& prefix,
                            weights::WeightStore& store,
                            mx::Dtype first_weights);

  /// State at the start of a stream.
  [[nodiscard]] State new_state() const;

  /// The next T steps of one or several streams, each with its state.
  ///
  /// xs of [T, latent_width] -> as many of [T*hop, 1]
  [[nodiscard]] std::vector<mx::array> forward(
      const kernels::Exec& exec, std::vector<mx::array> xs,
      std::span<State* const> states) const;

 private:
  struct Stage {
    nn::CausalConvTranspose upsample;
    std::vector<ResidualBlock> blocks;
  };

  SeanetDecoder(nn::CausalConv first, std::vector<Stage> stages,
                nn::CausalConv last);

  nn::CausalConv first_;
  std::vector<Stage> stages_;
  nn::CausalConv last_;
};

}  // namespace csm::codec
