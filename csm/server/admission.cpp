#include "csm/server/admission.h"

#include <algorithm>
#include <cmath>

namespace csm::server {
namespace {

constexpr int kMaxRetrySeconds = 60;

}  // namespace

std::optional<int> refuse_stream(const AdmissionRules& rules, const Load& load,
                                 const StepClock& clock, bool plays) {
  const int n_now = load.n_playing + load.n_others;
  bool fits = n_now < rules.max_streams;
  if (plays && load.n_playing > 0) {
    fits = fits && clock.step_seconds(load.n_playing + 1) <=
                       rules.max_load * rules.frame_seconds;
  }
  if (fits) return std::nullopt;
  const int seconds = static_cast<int>(std::ceil(
      std::clamp(load.next_end_seconds, 1.0, 1.0 * kMaxRetrySeconds)));
  return seconds;
}

int first_chunk_frames(const AdmissionRules& rules, int n_playing,
                       const StepClock& clock) {
  const double load =
      clock.step_seconds(std::max(1, n_playing)) / rules.frame_seconds;
  if (load < 0.35) return 1;
  if (load < 0.55) return 2;
  if (load < 0.75) return 4;
  return 8;
}

}  // namespace csm::server
