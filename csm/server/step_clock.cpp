#include "csm/server/step_clock.h"

#include <algorithm>
#include <cmath>

namespace csm::server {
namespace {

constexpr double kKeep = 0.995;      // of old steps' weight, at every step
constexpr double kKeepPrompt = 0.8;  // of the cost of a position
constexpr int kMaxRows = 4096;
// A step that waited for the machine, not for the model, is no outlier to
// learn from: it counts as this many times what was expected at most.
constexpr double kMaxSurprise = 4.0;

}  // namespace

void StepClock::add(int n_rows, int n_positions, double seconds) {
  if (n_rows < 1) return;
  if (n_positions == 0) {
    add_speech(n_rows, seconds);
    return;
  }
  const double now =
      std::max(0.0, seconds - step_seconds(n_rows)) / n_positions;
  per_position_ = per_position_ == 0
                      ? now
                      : kKeepPrompt * per_position_ + (1 - kKeepPrompt) * now;
}

void StepClock::add_speech(double n_rows, double seconds) {
  if (weight_ > 0) {
    const double expected = step_seconds(static_cast<int>(n_rows));
    if (expected > 0) seconds = std::min(seconds, kMaxSurprise * expected);
  }
  weight_ = kKeep * weight_ + 1;
  rows_ = kKeep * rows_ + n_rows;
  rows_squared_ = kKeep * rows_squared_ + n_rows * n_rows;
  seconds_ = kKeep * seconds_ + seconds;
  rows_seconds_ = kKeep * rows_seconds_ + n_rows * seconds;
}

double StepClock::step_seconds(int n_rows) const {
  if (weight_ == 0) return 0;
  const double mean_rows = rows_ / weight_;
  const double mean_seconds = seconds_ / weight_;
  const double variance = rows_squared_ / weight_ - mean_rows * mean_rows;
  const double covariance = rows_seconds_ / weight_ - mean_rows * mean_seconds;
  // Batches of one size alone: no stream is taken to be for free.
  double slope = mean_seconds / mean_rows;
  if (variance > 1e-3 * mean_rows * mean_rows) slope = covariance / variance;
  slope = std::clamp(slope, 0.0, mean_seconds / mean_rows);
  return mean_seconds + slope * (n_rows - mean_rows);
}

double StepClock::prompt_seconds(int n_positions) const {
  return per_position_ * n_positions;
}

int StepClock::max_rows(double seconds) const {
  int n_rows = 1;
  while (n_rows < kMaxRows && step_seconds(n_rows + 1) <= seconds) ++n_rows;
  return n_rows;
}

}  // namespace csm::server
