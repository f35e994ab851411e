#include "csm/engine/conversation.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

#include "csm/engine/context.h"

namespace csm::engine {

void Conversation::add(Segment segment) {
  if (segment.codes.empty()) return;
  prompts_.push_back(engine_->context_prompt({&segment, 1}));
  segments_.push_back(std::move(segment));
}

Session Conversation::start(const Utterance& next,
                            const GenerationOptions& options,
                            std::vector<std::int32_t> spoken) const {
  Prompt prompt;
  for (const Prompt& earlier : prompts_) prompt.append(earlier);
  prompt.add_text(engine_->prompt_tokens(next));
  return engine_->start_prompt(prompt, options, std::move(spoken),
                               latest_ ? &*latest_ : nullptr);
}

Forgotten Conversation::make_room(const Utterance& next,
                                  const GenerationOptions& options,
                                  std::optional<int> max_positions) {
  const ModelFacts& facts = engine_->facts();
  const auto n_text =
      static_cast<std::int64_t>(engine_->prompt_tokens(next).size());
  // The last frame is not fed back, so it needs no position.
  std::int64_t room =
      facts.max_positions + 1 - n_text - options.max_frames(facts);
  if (max_positions) room = std::min<std::int64_t>(room, *max_positions);
  std::vector<ContextItem> items;
  for (std::size_t i = 0; i < segments_.size(); ++i) {
    items.push_back({.speaker = segments_[i].utterance.speaker,
                     .n_positions = prompts_[i].n_positions()});
  }
  const std::vector<bool> kept = choose_context(items, next.speaker, room);

  Forgotten forgotten;
  std::size_t n_kept = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) {
      ++forgotten.n_segments;
      forgotten.n_positions += items[i].n_positions;
      continue;
    }
    if (n_kept != i) {
      segments_[n_kept] = std::move(segments_[i]);
      prompts_[n_kept] = std::move(prompts_[i]);
    }
    ++n_kept;
  }
  segments_.resize(n_kept);
  prompts_.resize(n_kept);
  return forgotten;
}

int Conversation::n_positions() const {
  int n_positions = 0;
  for (const Prompt& prompt : prompts_) n_positions += prompt.n_positions();
  return n_positions;
}

}  // namespace csm::engine
