#pragma once

#include <string>

namespace csm::cli {

/// While one lives, the first Ctrl-C (or SIGTERM) is a wish that the work
/// looks at, and the second ends the program as usual.
class InterruptGuard {
 public:
  InterruptGuard();
  ~InterruptGuard();
  InterruptGuard(const InterruptGuard&) = delete;
  InterruptGuard& operator=(const InterruptGuard&) = delete;
};

/// The signal that came, 0 if none did.
[[nodiscard]] int interrupt_signal();

/// Throws: Error{kInvalidArgument} saying that nothing was written to `output`,
/// if a signal came.
void stop_if_interrupted(const char* command, const std::string& output);

}  // namespace csm::cli
