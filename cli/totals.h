#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "csm/base/json.h"
#include "csm/engine/session.h"

namespace csm::cli {

/// What one or several utterances came to together.
struct Totals {
  std::uint64_t seed = 0;
  int n_frames = 0;
  double audio_seconds = 0;
  double seconds = 0;  // of work, without loading
  engine::StopReason stop_reason = engine::StopReason::kEos;
  std::int64_t n_invalid_codes = 0;
  std::int64_t n_changed_codes = 0;

  /// Seconds of work per second of audio; 0 without audio.
  [[nodiscard]] double real_time_factor() const;

  /// For people.
  [[nodiscard]] std::string words() const;

  /// The first fields of `--json`, with the most memory that the process held.
  ///
  /// codes  all that were spoken
  [[nodiscard]] OrderedJson json(const std::vector<std::int32_t>& codes) const;
};

}  // namespace csm::cli
