#pragma once

#include <string>

#include "csm/codec/mimi_config.h"
#include "csm/nn/streaming_conv.h"
#include "csm/weights/weight_store.h"

namespace csm::codec {

/// x + conv1(ELU(conv_k(ELU(x)))) of Mimi's convolutional encoder and decoder.
struct ResidualBlock {
  nn::CausalConv wide;   ///< kernel k, dilated, to the inner width
  nn::CausalConv point;  ///< kernel 1, back

  /// Takes `<name>.block.*` from the store.
  static ResidualBlock load(const SeanetConfig& config, const std::string& name,
                            int width, int dilation,
                            weights::WeightStore& store);
};

}  // namespace csm::codec
