#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "cli/codes_file.h"

namespace csm::cli {

/// The frames that an utterance begins with.
struct Resumption {
  CodesFile file;
  std::optional<std::int64_t> n_frames;  ///< none: all of the file

  /// Codes [n_frames, K].
  ///
  /// Throws: as CodesFile::check; UsageError if there are fewer frames.
  [[nodiscard]] std::vector<std::int32_t> codes(
      const engine::ModelFacts& facts) const;
};

/// The options --resume-from and --resume-frame.
struct ResumeOptions {
  std::string file;
  std::optional<std::int64_t> n_frames;

  void add_to(CLI::App& command);

  /// What to begin with, if anything.
  ///
  /// Throws: UsageError for --resume-frame alone; as read_codes.
  [[nodiscard]] std::optional<Resumption> load() const;
};

}  // namespace csm::cli
