#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>

#include "csm/base/json.h"

namespace csm::cli {

/// A command that writes a model folder: its options --output, --force and
/// --json, and the way of its work.
struct ModelOutput {
  std::string output;
  bool force = false;
  bool json = false;

  /// replaces  what --force replaces: "a model"
  void add_to(CLI::App& command, const std::string& replaces);

  /// What the work calls as it goes on: its stage, and how much of that is
  /// done, 0 to 1.
  using Progress = std::function<void(const char* stage, double share)>;
  /// What was done: for programs and for people.
  struct Report {
    OrderedJson json;
    std::string text;
  };

  /// Does the work with a line of progress, and reports it. A signal ends it at
  /// its next call of Progress.
  ///
  /// name  of the command, for messages
  /// Throws: as `work`; as stop_if_interrupted().
  void run(const char* name,
           const std::function<Report(const Progress&)>& work) const;
};

}  // namespace csm::cli
