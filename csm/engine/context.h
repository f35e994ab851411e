#pragma once

#include <cstdint>
#include <span>
#include <vector>

namespace csm::engine {

/// What matters of a segment when there is not room for all.
struct ContextItem {
  int speaker = 0;
  int n_positions = 0;
};

/// Chooses which segments of a conversation stay in the context.
///
/// If all fit, all stay. Otherwise the first segment of each speaker is a
/// voice reference and stays as long as the references together take no more
/// than half of the room: that of the next speaker is considered first, then
/// the others as they appeared. Of the rest the newest stay, without a gap:
/// the oldest go first. A segment stays whole or goes whole.
///
/// items         the oldest first
/// next_speaker  who is to speak next
/// room          positions that the segments may take; below 0 counts as 0
/// returns       for each item whether it stays
[[nodiscard]] std::vector<bool> choose_context(
    std::span<const ContextItem> items, int next_speaker, std::int64_t room);

}  // namespace csm::engine
