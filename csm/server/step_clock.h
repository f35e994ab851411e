#pragma once

namespace csm::server {

/// What steps of the engine have cost, and so what the next ones will: a fixed
/// part, a part for each stream of the batch, and a part for each position of
/// a prompt that is read. Recent steps count more.
///
/// Threads: one thread at a time; copies are cheap.
class StepClock {
 public:
  /// A step of n_rows streams that took so long; n_positions of them all are
  /// prompts that were read in it.
  void add(int n_rows, int n_positions, double seconds);

  /// Seconds of a step of n_rows streams that all speak already. Before the
  /// first step 0.
  [[nodiscard]] double step_seconds(int n_rows) const;

  /// Seconds that reading a prompt adds to a step.
  [[nodiscard]] double prompt_seconds(int n_positions) const;

  /// The most streams whose steps take no longer than so many seconds; at
  /// least 1.
  [[nodiscard]] int max_rows(double seconds) const;

 private:
  void add_speech(double n_rows, double seconds);

  // Weighted sums of a line through (n_rows, seconds).
  double weight_ = 0;
  double rows_ = 0;
  double rows_squared_ = 0;
  double seconds_ = 0;
  double rows_seconds_ = 0;
  double per_position_ = 0;
};

}  // namespace csm::server
