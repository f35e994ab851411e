#include "csm/codec/seanet_decoder.h"

#include <cstddef>
#include <utility>

#include "csm/base/check.h"

namespace csm::codec {

SeanetDecoder::SeanetDecoder(nn::CausalConv first, std::vector<Stage> stages,
                             nn::CausalConv last)
    : first_(std::move(first)),
      stages_(std::move(stages)),
      last_(std::move(last)) {}

SeanetDecoder SeanetDecoder::load(const SeanetConfig& config,
                                  const std::string& prefix,
                                  weights::WeightStore& store,
                                  mx::Dtype first_weights) {
  ModuleNames names(prefix);
  int width = config.n_filters << config.ratios.size();
  nn::CausalConv first = nn::CausalConv::load(
      names.next(0) + ".conv",
      {.in = config.latent_width, .out = width, .kernel = config.kernel}, store,
      first_weights);

  std::vector<Stage> stages;
  for (const int ratio : config.ratios) {
    const nn::ConvSizes sizes{.in = width,
                              .out = width / 2,
                              .kernel = 2 * ratio,
                              .stride = ratio,
                              .elu_input = true};
    stages.push_back({.upsample = nn::CausalConvTranspose::load(
                          names.next(2) + ".conv", sizes, store,
                          stages.empty() ? first_weights : mx::float32),
                      .blocks = {}});
    width /= 2;
    stages.back().blocks = load_residual_blocks(config, names, width, store);
  }
  const nn::ConvSizes last{.in = config.n_filters,
                           .out = 1,
                           .kernel = config.last_kernel,
                           .elu_input = true};
  return {std::move(first), std::move(stages),
          nn::CausalConv::load(names.next(2) + ".conv", last, store)};
}

SeanetDecoder::State SeanetDecoder::new_state() const {
  State state{first_.new_state()};
  for (const Stage& stage : stages_) {
    state.push_back(stage.upsample.new_state());
    append_new_states(stage.blocks, state);
  }
  state.push_back(last_.new_state());
  return state;
}

std::vector<mx::array> SeanetDecoder::forward(
    const kernels::Exec& exec, std::vector<mx::array> xs,
    std::span<State* const> states) const {
  std::size_t used = 0;
  const auto next = [&] {
    std::vector<mx::array*> out;
    for (State* state : states) out.push_back(&state->at(used));
    ++used;
    return out;
  };
  xs = first_.forward_each(exec, xs, next());
  for (const Stage& stage : stages_) {
    xs = stage.upsample.forward_each(exec, xs, next());
    for (const ResidualBlock& block : stage.blocks) {
      const auto inner = block.wide.forward_each(exec, xs, next());
      const auto point_states = next();
      for (std::size_t i = 0; i < xs.size(); ++i) {
        xs[i] = block.point.forward(exec, inner[i], *point_states[i], xs[i]);
      }
    }
  }
  xs = last_.forward_each(exec, xs, next());
  CSM_CHECK(used == states[0]->size(), "a state of another decoder");
  return xs;
}

}  // namespace csm::codec
