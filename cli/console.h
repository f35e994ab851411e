#pragma once

#include <chrono>
#include <exception>
#include <optional>
#include <string>
#include <utility>

#include "csm/base/str_cat.h"

namespace csm::cli {

/// Exit statuses of the program.
inline constexpr int kExitFailure = 1;
inline constexpr int kExitUsage = 2;

/// A mistake in how the program was called: exit status 2.
class UsageError : public std::exception {
 public:
  explicit UsageError(std::string message) : message_(std::move(message)) {}
  [[nodiscard]] const char* what() const noexcept override {
    return message_.c_str();
  }

 private:
  std::string message_;
};

/// The work ended early because somebody wanted it: nothing is left to say.
class QuietExit : public std::exception {
 public:
  explicit QuietExit(int status) : status_(status) {}
  [[nodiscard]] int status() const noexcept { return status_; }

  /// As a shell sees a program that the signal ended.
  static QuietExit of_signal(int number) { return QuietExit(128 + number); }

 private:
  int status_;
};

/// The value that an option's text names, given what parsing made of it.
///
/// Throws: UsageError naming the option and the text if that was nothing.
template <class T>
[[nodiscard]] T known(const char* option, const std::optional<T>& value,
                      const std::string& given) {
  if (value) return *value;
  throw UsageError(str_cat(option, ": unknown value '", given, "'"));
}

/// One line that is redrawn on stderr while a command works; silent when
/// stderr is no terminal.
class Progress {
 public:
  Progress();
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  /// Shows `text`, at most ten times a second.
  void show(const std::string& text);
  /// Removes the line.
  void clear();

 private:
  bool terminal_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point last_;
};

/// Prints one line for people on stderr.
void say(const std::string& text);

/// Writes data to stdout. Throws: Error{kExhausted} if it cannot be written.
void write_stdout(const std::string& data);

/// Seconds since `start`.
[[nodiscard]] double seconds_since(std::chrono::steady_clock::time_point start);

/// `value` with a fixed number of decimals.
[[nodiscard]] std::string fixed(double value, int decimals);

}  // namespace csm::cli
