#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <vector>

#include "cli/reading_plan.h"

namespace csm::cli {

/// How far a narration has come and how long it still takes, by the estimated
/// lengths of its texts.
class TimeLeft {
 public:
  explicit TimeLeft(const ReadingPlan& plan);

  /// The words for the line of progress.
  ///
  /// index    of the piece that is being spoken
  /// seconds  of it that are there
  [[nodiscard]] std::string words(std::size_t index, double seconds) const;

 private:
  std::vector<double> ends_;  // seconds until the end of each piece, estimated
  const char* unit_;
  std::chrono::steady_clock::time_point start_;
};

}  // namespace csm::cli
