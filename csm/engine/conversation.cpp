#include "csm/engine/conversation.h"

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>

namespace csm::engine {

void Conversation::add(Segment segment) {
  if (segment.codes.empty()) return;
  const Utterance& utterance = segment.utterance;
  const int n_text = static_cast<int>(engine_->prompt_tokens(utterance).size());
  const Prompt prompt = engine_->make_prompt(utterance, {&segment, 1});
  items_.push_back({.speaker = utterance.speaker,
                    .n_positions = prompt.n_positions() - n_text});
  segments_.push_back(std::move(segment));
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
  const std::vector<bool> kept = choose_context(items_, next.speaker, room);

  Forgotten forgotten;
  std::size_t n_kept = 0;
  for (std::size_t i = 0; i < kept.size(); ++i) {
    if (!kept[i]) {
      ++forgotten.n_segments;
      forgotten.n_positions += items_[i].n_positions;
      continue;
    }
    if (n_kept != i) {
      segments_[n_kept] = std::move(segments_[i]);
      items_[n_kept] = items_[i];
    }
    ++n_kept;
  }
  segments_.resize(n_kept);
  items_.resize(n_kept);
  return forgotten;
}

int Conversation::n_positions() const {
  int n_positions = 0;
  for (const ContextItem& item : items_) n_positions += item.n_positions;
  return n_positions;
}

}  // namespace csm::engine
