#pragma once

#include <span>
#include <vector>

#include "csm/engine/session_state.h"

namespace csm::engine {

/// Computes the next frame of every session in one evaluation, in which the
/// weights of the language model are read once for all of them.
///
/// The graph of a frame: one backbone step (a new session brings its whole
/// prompt), K codes with the sampler in between, and the codec of each session.
/// Nothing in a session's frame depends on which others are computed with it.
///
/// sessions  of one context, each once; those that want no frame are left out
/// returns   one result for each session, in order
/// Threads: engine thread only.
[[nodiscard]] std::vector<StepResult> step_frames(
    const FrameContext& context, std::span<SessionState* const> sessions);

}  // namespace csm::engine
