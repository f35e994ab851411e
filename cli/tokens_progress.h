#pragma once

#include <chrono>
#include <string>

#include "cli/console.h"

namespace csm::cli {

/// A bar with the time left, on a terminal.
class TestProgress {
 public:
  /// Work to come, in any unit that is about proportional to time.
  void expect(double work) { total_ += work; }
  /// Work that has been done.
  void finish(double work) { done_ += work; }
  /// Draws the bar with what is being done now.
  void show(const std::string& what);
  void clear() { line_.clear(); }

 private:
  Progress line_;
  std::chrono::steady_clock::time_point start_ =
      std::chrono::steady_clock::now();
  double total_ = 0;
  double done_ = 0;
};

/// Seconds as m:ss.
[[nodiscard]] std::string minutes(double seconds);

}  // namespace csm::cli
