#include "csm/server/schedule.h"

#include <algorithm>

namespace csm::server {
namespace {

// The least that anybody who is heard already has in hand.
double least_lead(std::span<const Lane> lanes, double if_none) {
  double least = if_none;
  for (const Lane& lane : lanes) {
    if (lane.plays && lane.has_room && lane.n_new_positions == 0) {
      least = std::min(least, lane.lead_seconds);
    }
  }
  return least;
}

}  // namespace

std::vector<std::size_t> choose_lanes(std::span<const Lane> lanes,
                                      const ScheduleRules& rules,
                                      const StepClock& clock) {
  constexpr double kNobody = 1e9;
  const double least = least_lead(lanes, kNobody);
  const bool is_urgent = least < rules.near_seconds;

  std::vector<std::size_t> speaking;
  std::vector<std::size_t> waiting;  // unless there is time for them, too
  std::vector<std::size_t> joining;
  for (std::size_t i = 0; i < lanes.size(); ++i) {
    const Lane& lane = lanes[i];
    if (!lane.has_room) continue;
    const bool can_wait =
        is_urgent && (!lane.plays || lane.lead_seconds > rules.far_seconds);
    (lane.n_new_positions > 0 ? joining
     : can_wait               ? waiting
                              : speaking)
        .push_back(i);
  }
  const auto by_need = [&](std::size_t a, std::size_t b) {
    return lanes[a].lead_seconds < lanes[b].lead_seconds;
  };
  std::stable_sort(speaking.begin(), speaking.end(), by_need);
  std::stable_sort(waiting.begin(), waiting.end(), by_need);
  // Who is not listened to joins last.
  std::stable_partition(joining.begin(), joining.end(),
                        [&](std::size_t i) { return lanes[i].plays; });

  std::vector<std::size_t> chosen = speaking;
  // One place is kept for those that join.
  const auto max_rows = static_cast<std::size_t>(std::max(2, rules.max_rows));
  const std::size_t max_speaking = max_rows - (joining.empty() ? 0 : 1);
  chosen.resize(std::min(chosen.size(), max_speaking));
  const auto step_seconds = [&] {
    return clock.step_seconds(static_cast<int>(chosen.size()) + 1);
  };
  for (const std::size_t i : waiting) {
    if (chosen.size() >= max_speaking) break;
    if (step_seconds() > rules.spare_seconds) break;
    chosen.push_back(i);
  }
  double seconds = step_seconds();
  for (const std::size_t i : joining) {
    if (chosen.size() >= max_rows) break;
    seconds += clock.prompt_seconds(lanes[i].n_new_positions);
    const bool must_join = i == joining.front() && lanes[i].plays;
    if (!must_join && seconds > 0.5 * least) break;
    chosen.push_back(i);
  }
  std::sort(chosen.begin(), chosen.end());
  return chosen;
}

}  // namespace csm::server
