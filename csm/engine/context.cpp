#include "csm/engine/context.h"

#include <algorithm>
#include <cstddef>
#include <set>

namespace csm::engine {
namespace {

// Indices of each speaker's first item, the next speaker's in front.
std::vector<std::size_t> first_items(std::span<const ContextItem> items,
                                     int next_speaker) {
  std::vector<std::size_t> first;
  std::set<int> seen;
  for (std::size_t i = 0; i < items.size(); ++i) {
    if (seen.insert(items[i].speaker).second) first.push_back(i);
  }
  const auto next = std::find_if(
      first.begin(), first.end(),
      [&](std::size_t i) { return items[i].speaker == next_speaker; });
  if (next != first.end()) std::rotate(first.begin(), next, next + 1);
  return first;
}

}  // namespace

std::vector<bool> choose_context(std::span<const ContextItem> items,
                                 int next_speaker, std::int64_t room) {
  std::int64_t total = 0;
  for (const ContextItem& item : items) total += item.n_positions;
  std::vector<bool> kept(items.size(), total <= room);
  if (total <= room) return kept;

  std::int64_t used = 0;
  for (const std::size_t i : first_items(items, next_speaker)) {
    if (used + items[i].n_positions > room / 2) continue;
    used += items[i].n_positions;
    kept[i] = true;
  }
  for (std::size_t i = items.size(); i-- > 0;) {
    if (kept[i]) continue;
    if (used + items[i].n_positions > room) break;
    used += items[i].n_positions;
    kept[i] = true;
  }
  return kept;
}

}  // namespace csm::engine
