#pragma once

#include <CLI/CLI.hpp>
#include <filesystem>
#include <optional>
#include <string>

#include "csm/base/json.h"
#include "csm/engine/voice.h"
#include "csm/engine/voice_library.h"

namespace csm::cli {

/// The option --voices, which tells where the user's voices are.
struct VoicesFolder {
  std::string folder;  ///< empty: $CSM_VOICES, else csm/voices of user data

  void add_to(CLI::App& command);

  /// The voices in it and in the `voices` folder of a model.
  [[nodiscard]] engine::VoiceLibrary library(
      const std::filesystem::path& model_dir) const;
};

/// The options --voice and --voices of commands that speak.
struct VoiceOptions {
  std::string voice;  ///< a name or a file; empty: none
  VoicesFolder voices;

  void add_to(CLI::App& command);

  /// The voice, if one is asked for.
  ///
  /// Throws: as VoiceLibrary::find and engine::read_voice.
  [[nodiscard]] std::optional<engine::Voice> load(
      const std::filesystem::path& model_dir) const;
};

/// How a voice was taken in.
[[nodiscard]] OrderedJson describe(const engine::VoiceUse& use);

/// One line if a voice's cache was of no use.
void say_voice(const std::optional<engine::VoiceUse>& use);

}  // namespace csm::cli
