#include "csm/codec/residual_block.h"

#include "csm/base/str_cat.h"

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

std::string ModuleNames::next(int step) {
  module_ += step;
  return str_cat(prefix_, ".layers.", module_);
}

std::vector<ResidualBlock> load_residual_blocks(const SeanetConfig& config,
                                                ModuleNames& names, int width,
                                                weights::WeightStore& store) {
  std::vector<ResidualBlock> blocks;
  int dilation = 1;
  for (int block = 0; block < config.n_residual_layers; ++block) {
    blocks.push_back(
        ResidualBlock::load(config, names.next(1), width, dilation, store));
    dilation *= config.dilation_growth;
  }
  return blocks;
}

void append_new_states(const std::vector<ResidualBlock>& blocks,
                       std::vector<mx::array>& states) {
  for (const ResidualBlock& block : blocks) {
    states.push_back(block.wide.new_state());
    states.push_back(block.point.new_state());
  }
}

}  // namespace csm::codec
