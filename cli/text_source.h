#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "csm/engine/session.h"

namespace csm::cli {

/// The options that say what is spoken: --text, --text-file or `-` for
/// standard input, and --speaker.
struct TextSource {
  std::string text;
  std::string file;
  std::string dash;
  int speaker = 0;

  void add_to(CLI::App& command);

  /// The utterance, one trailing line break of a file removed.
  ///
  /// Throws: UsageError unless exactly one source is given, Error{kNotFound},
  /// Error{kInvalidArgument} if the file is larger than 16 MiB.
  [[nodiscard]] engine::Utterance read() const;

  /// Whether any source of text was given.
  [[nodiscard]] bool is_given() const;

  /// Whether --speaker was given.
  [[nodiscard]] bool has_speaker() const;

 private:
  const CLI::Option* text_option_ = nullptr;
  const CLI::Option* speaker_option_ = nullptr;
};

}  // namespace csm::cli
