#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include "csm/server/step_clock.h"

namespace csm::server {

/// What matters of a stream for the question whether it speaks its next frame
/// now.
struct Lane {
  /// Positions of a prompt that is still to be read; 0: it speaks already.
  int n_new_positions = 0;
  /// Seconds of sound that its listener has in hand. Of a stream that is not
  /// heard yet: 0.
  double lead_seconds = 0;
  bool plays = true;     ///< false: nobody listens while it is made
  bool has_room = true;  ///< false: too much of its sound waits to be sent
};

struct ScheduleRules {
  int max_rows = 64;           ///< streams of one step, at least 2
  double near_seconds = 0.35;  ///< less in hand is close to running dry
  double far_seconds = 1.0;    ///< with more in hand a stream can wait
  /// A step of so little brings nobody closer to running dry, whoever is in it.
  double spare_seconds = 0.04;
};

/// The streams of the next step.
///
/// All that have room, unless somebody who listens is close to running dry:
/// then those that have much in hand or are not listened to speak only as far
/// as there is time for them in a short step, and prompts are read no more of
/// than leaves everybody something in hand, yet one that somebody listens for
/// in any case, so that nobody waits for ever. Those with least in hand come
/// first where there are more than one step takes.
///
/// returns  indices of lanes, ascending
[[nodiscard]] std::vector<std::size_t> choose_lanes(std::span<const Lane> lanes,
                                                    const ScheduleRules& rules,
                                                    const StepClock& clock);

}  // namespace csm::server
