#pragma once

#include <optional>
#include <span>

#include "csm/server/step_clock.h"

namespace csm::server {

/// How many streams are taken.
struct AdmissionRules {
  int max_streams = 64;  ///< that speak at once, whatever they cost
  double frame_seconds = 0.08;
  /// Share of a frame's duration that a step may take: what is left is for
  /// prompts, and for the machine's other work.
  double max_load = 0.85;
};

/// Who speaks already.
struct Load {
  int n_playing = 0;  ///< streams that are heard while they are made
  int n_others = 0;   ///< streams that may wait (batches)
  /// Seconds until the next of them is expected to end.
  double next_end_seconds = 1;
};

/// Whether one more stream can be taken without those that play running dry.
///
/// The first stream is always taken, however slow the model is. Those that may
/// wait need a place only.
/// returns  nothing if it can; else seconds after which to ask again, 1 to 60
[[nodiscard]] std::optional<int> refuse_stream(const AdmissionRules& rules,
                                               const Load& load,
                                               const StepClock& clock,
                                               bool plays);

/// Frames of sound that a stream gathers before the first ones leave: 1 where
/// steps are short for a frame, more where they are not, so that a stream that
/// starts under load starts with something in hand.
[[nodiscard]] int first_chunk_frames(const AdmissionRules& rules, int n_playing,
                                     const StepClock& clock);

}  // namespace csm::server
