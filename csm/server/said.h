#pragma once

#include <cstdint>
#include <vector>

#include "csm/engine/session.h"

namespace csm::server {

/// Something that a stream said, and where in the stream's sound it is.
struct Said {
  engine::Segment segment;
  std::int64_t start_ms = 0;
};

/// What a listener has heard of it who stopped after so many milliseconds of
/// the stream's sound: whole frames, and of a text that was not heard to its
/// end the share of its words that they are of its frames, at least one.
///
/// n_codebooks  K of the codes
/// frame_ms     duration of a frame
[[nodiscard]] std::vector<Said> heard_of(std::vector<Said> said,
                                         std::int64_t played_ms,
                                         int n_codebooks, int frame_ms);

}  // namespace csm::server
