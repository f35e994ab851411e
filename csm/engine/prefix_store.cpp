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

const ReadPrompt& PrefixStore::read(const FrameContext& context,
                                    const Prompt& prompt) {
  const auto known =
      std::find_if(read_.begin(), read_.end(), [&](const ReadPrompt& read) {
        return read.prompt.parts() == prompt.parts();
      });
  if (known != read_.end()) return *known;
  const KnownBeginning beginning = find(prompt);
  model::BackboneState state = beginning.state(*context.model);
  run(context, prompt, beginning.n_positions, state);
  read_.push_back({.prompt = prompt, .state = std::move(state)});
  return read_.back();
}

bool PrefixStore::take(const FrameContext& context, const Prompt& prompt,
                       const nn::KvRows& rows) {
  model::BackboneState state = context.model->new_state();
  state.write_rows(*context.exec, rows);
  if (!is_proven(context, prompt, state, rows)) return false;
  read_.push_back({.prompt = prompt, .state = std::move(state)});
  return true;
}

KnownBeginning PrefixStore::find(const Prompt& prompt) const {
  KnownBeginning best;
  for (const ReadPrompt& read : read_) {
    const KnownBeginning known = KnownBeginning::of(read, prompt);
    if (known.n_positions > best.n_positions) best = known;
  }
  return best;
}

}  // namespace csm::engine
