#include "csm/codec/residual_block.h"

namespace csm::codec {

ResidualBlock ResidualBlock::load(const SeanetConfig& config,
                                  const std::string& name, int width,
                                  int dilation, weights::WeightStore& store) {
  const int inner = width / config.compress;
  return {
      .wide = nn::CausalConv::load(name + ".block.1.conv",
                                   {.in = width,
                                    .out = inner,
                                    .kernel = config.residual_kernel,
                                    .dilation = dilation,
                                    .elu_input = true},
                                   store),
      .point = nn::CausalConv::load(
          name + ".block.3.conv",
          {.in = inner, .out = width, .kernel = 1, .elu_input = true}, store)};
}

}  // namespace csm::codec
