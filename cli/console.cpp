#include "cli/console.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <iomanip>
#include <sstream>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::cli {
namespace {

constexpr auto kRedraw = std::chrono::milliseconds(100);

}  // namespace

Progress::Progress() : terminal_(::isatty(STDERR_FILENO) == 1) {}

Progress::~Progress() { clear(); }

void Progress::show(const std::string& text) {
  const auto now = std::chrono::steady_clock::now();
  if (!terminal_ || (shown_ && now - last_ < kRedraw)) return;
  last_ = now;
  shown_ = true;
  std::fprintf(stderr, "\r\033[K%s", text.c_str());
  std::fflush(stderr);
}

void Progress::clear() {
  if (!shown_) return;
  shown_ = false;
  std::fputs("\r\033[K", stderr);
  std::fflush(stderr);
}

void say(const std::string& text) {
  std::fprintf(stderr, "%s\n", text.c_str());
}

void write_stdout(const std::string& data) {
  const bool written =
      std::fwrite(data.data(), 1, data.size(), stdout) == data.size() &&
      std::fflush(stdout) == 0;
  if (!written) {
    throw Error(ErrorCode::kExhausted,
                str_cat("[cli] cannot write to standard output: ",
                        std::strerror(errno)));
  }
}

double seconds_since(std::chrono::steady_clock::time_point start) {
  return std::chrono::duration<double>(std::chrono::steady_clock::now() - start)
      .count();
}

std::string fixed(double value, int decimals) {
  std::ostringstream out;
  out << std::fixed << std::setprecision(decimals) << value;
  return out.str();
}

}  // namespace csm::cli
