#include "cli/interrupt.h"

#include <csignal>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::cli {
namespace {

constexpr int kSignals[] = {SIGINT, SIGTERM};

// A signal handler can reach nothing but a global.
volatile std::sig_atomic_t received = 0;

extern "C" void note_signal(int number) { received = number; }

}  // namespace

InterruptGuard::InterruptGuard() {
  received = 0;
  struct sigaction action {};
  action.sa_handler = note_signal;
  // A waiting read or write goes on; the handler works once.
  action.sa_flags = static_cast<int>(SA_RESETHAND) | SA_RESTART;
  for (const int number : kSignals) ::sigaction(number, &action, nullptr);
}

InterruptGuard::~InterruptGuard() {
  for (const int number : kSignals) std::signal(number, SIG_DFL);
}

int interrupt_signal() { return received; }

void stop_if_interrupted(const char* command, const std::string& output) {
  if (interrupt_signal() == 0) return;
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[cli.", command, "] interrupted, nothing was written (",
                      output, ")"));
}

}  // namespace csm::cli
