#include "csm/codec/seanet_encoder.h"

#include <cstddef>
#include <ranges>
#include <utility>

#include "csm/base/check.h"

namespace csm::codec {

SeanetEncoder::SeanetEncoder(nn::CausalConv first, std::vector<Stage> stages,
                             nn::CausalConv last)
    : first_(std::move(first)),
      stages_(std::move(stages)),
      last_(std::move(last)) {}

SeanetEncoder SeanetEncoder::load(const SeanetConfig& config,
                                  const std::string& prefix,
                                  weights::WeightStore& store) {
  ModuleNames names(prefix);
  int width = config.n_filters;
  nn::CausalConv first = nn::CausalConv::load(
      names.next(0) + ".conv", {.in = 1, .out = width, .kernel = config.kernel},
      store);

  std::vector<Stage> stages;
  for (const int ratio : std::views::reverse(config.ratios)) {
    auto blocks = load_residual_blocks(config, names, width, store);
    const nn::ConvSizes sizes{.in = width,
                              .out = 2 * width,
                              .kernel = 2 * ratio,
                              .stride = ratio,
                              .elu_input = true};
    stages.push_back({.blocks = std::move(blocks),
                      .downsample = nn::CausalConv::load(
                          names.next(2) + ".conv", sizes, store)});
    width *= 2;
  }
  const nn::ConvSizes last{.in = width,
                           .out = config.latent_width,
                           .kernel = config.last_kernel,
                           .elu_input = true};
  return {std::move(first), std::move(stages),
          nn::CausalConv::load(names.next(2) + ".conv", last, store)};
}

SeanetEncoder::State SeanetEncoder::new_state() const {
  State state{first_.new_state()};
  for (const Stage& stage : stages_) {
    append_new_states(stage.blocks, state);
    state.push_back(stage.downsample.new_state());
  }
  state.push_back(last_.new_state());
  return state;
}

mx::array SeanetEncoder::forward(const kernels::Exec& exec, mx::array x,
                                 State& state) const {
  std::size_t used = 0;
  const auto next = [&]() -> mx::array& { return state.at(used++); };
  x = first_.forward(exec, x, next());
  for (const Stage& stage : stages_) {
    for (const ResidualBlock& block : stage.blocks) {
      const mx::array inner = block.wide.forward(exec, x, next());
      x = block.point.forward(exec, inner, next(), x);
    }
    x = stage.downsample.forward(exec, x, next());
  }
  x = last_.forward(exec, x, next());
  CSM_CHECK(used == state.size(), "a state of another encoder");
  return x;
}

}  // namespace csm::codec
