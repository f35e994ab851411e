#pragma once

#include <list>

#include "csm/engine/prompt.h"
#include "csm/engine/session_state.h"
#include "csm/nn/kv_rows.h"

namespace csm::engine {

/// Beginnings of prompts that the model has read, for sessions to start from.
///
/// Exact (CPU kernels): a session that starts behind one speaks the same bits
/// as one that reads it all (csm/engine/voice_test.cpp)
/// Threads: engine thread only.
class PrefixStore {
 public:
  /// Lets the model read a prompt, unless it is here.
  ///
  /// Throws: whatever MLX does.
  const PromptPrefix& read(const FrameContext& context, const Prompt& prompt);

  /// Takes in what a model had read. The last positions are computed anew, from
  /// all others and with the weights that are loaded; if a bit of them differs,
  /// nothing is taken.
  ///
  /// rows     of the prompt's number of positions, and of the model's sizes
  /// returns  whether they are here now
  /// Throws: whatever MLX does.
  [[nodiscard]] bool take(const FrameContext& context, const Prompt& prompt,
                          const nn::KvRows& rows);

  /// The longest one that begins the prompt and is shorter; null if there is
  /// none.
  [[nodiscard]] const PromptPrefix* find(const Prompt& prompt) const;

 private:
  void put(const Prompt& prompt, model::BackboneState state);

  std::list<PromptPrefix> prefixes_;
};

}  // namespace csm::engine
