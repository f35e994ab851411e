#include "csm/engine/prefix_store.h"

#include <algorithm>
#include <utility>
#include <vector>

namespace csm::engine {
namespace {

// Positions that are computed anew: the frame that ends audio and, as a rule,
// some of audio. They cost what a frame of speech does.
constexpr int kProofPositions = 4;

// Rows [first, end) of the prompt through the backbone.
void run(const FrameContext& context, const Prompt& prompt, int first,
         model::BackboneState& state) {
  const kernels::Exec& exec = *context.exec;
  const mx::array rows = embed_prompt(exec, *context.model, prompt);
  (void)context.model->backbone(
      exec,
      mx::slice(rows, {first, 0}, {rows.shape(0), rows.shape(1)}, exec.stream),
      state);
  std::vector<mx::array> arrays;
  state.append_arrays(arrays);
  mx::eval(arrays);
}

bool is_proven(const FrameContext& context, const Prompt& prompt,
               const model::BackboneState& state, const nn::KvRows& rows) {
  const int n_known = std::max(0, rows.n_positions - kProofPositions);
  model::BackboneState again = state.fork();
  again.rewind(n_known);
  run(context, prompt, n_known, again);
  return again.read_rows(*context.exec) == rows;
}

}  // namespace

void PrefixStore::put(const Prompt& prompt, model::BackboneState state) {
  prefixes_.push_back({.prompt = prompt, .state = std::move(state)});
}

const PromptPrefix& PrefixStore::read(const FrameContext& context,
                                      const Prompt& prompt) {
  const auto known = std::find_if(
      prefixes_.begin(), prefixes_.end(), [&](const PromptPrefix& prefix) {
        return prefix.prompt.parts() == prompt.parts();
      });
  if (known != prefixes_.end()) return *known;
  model::BackboneState state = context.model->new_state();
  run(context, prompt, 0, state);
  put(prompt, std::move(state));
  return prefixes_.back();
}

bool PrefixStore::take(const FrameContext& context, const Prompt& prompt,
                       const nn::KvRows& rows) {
  model::BackboneState state = context.model->new_state();
  state.write_rows(*context.exec, rows);
  if (!is_proven(context, prompt, state, rows)) return false;
  put(prompt, std::move(state));
  return true;
}

const PromptPrefix* PrefixStore::find(const Prompt& prompt) const {
  const PromptPrefix* best = nullptr;
  for (const PromptPrefix& prefix : prefixes_) {
    const int n = prefix.prompt.n_positions();
    if (n < prompt.n_positions() && prefix.prompt.begins(prompt) &&
        (best == nullptr || n > best->prompt.n_positions())) {
      best = &prefix;
    }
  }
  return best;
}

}  // namespace csm::engine
