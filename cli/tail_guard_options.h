#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <span>
#include <string>

#include "csm/base/json.h"
#include "csm/engine/tail_guard.h"

namespace csm::cli {

/// The option --tail-guard.
struct TailGuardOptions {
  void add_to(CLI::App& command);

  /// How often to try again; nothing without the guard.
  ///
  /// Throws: UsageError for no number, or one out of range.
  [[nodiscard]] std::optional<int> retries() const;

 private:
  const CLI::Option* option_ = nullptr;
  std::string n_retries_;  // as written: CLI11 takes a flag's 0 for "no"
};

/// A list of attempts with what was measured.
[[nodiscard]] OrderedJson describe(
    std::span<const engine::TailAttempt> attempts);

/// A line for each attempt that has a problem.
void say_attempts(std::span<const engine::TailAttempt> attempts,
                  std::uint64_t chosen_seed);

}  // namespace csm::cli
