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
  /// Lets the model read a prompt, or what is not here of it.
  ///
  /// Throws: whatever MLX does.
  const ReadPrompt& read(const FrameContext& context, const Prompt& prompt);

  /// Takes in what a model had read. The last positions are computed anew, from
  /// all others and with the weights that are loaded; if a bit of them differs,
  /// nothing is taken.
  ///
  /// rows     of the prompt's number of positions, and of the model's sizes
  /// returns  whether they are here now
  /// Throws: whatever MLX does.
  [[nodiscard]] bool take(const FrameContext& context, const Prompt& prompt,
                          const nn::KvRows& rows);

  /// The longest beginning of the prompt that is here.
  [[nodiscard]] KnownBeginning find(const Prompt& prompt) const;

 private:
  std::list<ReadPrompt> read_;
};

}  // namespace csm::engine
