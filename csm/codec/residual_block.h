#pragma once

#include <string>
#include <utility>
#include <vector>

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

/// Names of the modules of a convolutional stack, "<prefix>.layers.<n>". The
/// number counts modules, activations among them.
class ModuleNames {
 public:
  explicit ModuleNames(std::string prefix) : prefix_(std::move(prefix)) {}

  /// The name of the module that is `step` behind the last one.
  [[nodiscard]] std::string next(int step);

 private:
  std::string prefix_;
  int module_ = 0;
};

/// The residual blocks of one stage, with growing dilation.
[[nodiscard]] std::vector<ResidualBlock> load_residual_blocks(
    const SeanetConfig& config, ModuleNames& names, int width,
    weights::WeightStore& store);

/// Appends the states of all blocks at the start of a stream.
void append_new_states(const std::vector<ResidualBlock>& blocks,
                       std::vector<mx::array>& states);

}  // namespace csm::codec
