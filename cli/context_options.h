#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>
#include <vector>

#include "csm/engine/engine.h"

namespace csm::cli {

/// Something that was said and is in a file: sound of any kind, or its codes
/// as .npy or .csmc.
struct RecordedTurn {
  engine::Utterance utterance;
  std::string file;
};

/// Whether a recording is sound, which takes EngineOptions::encoder.
[[nodiscard]] bool is_sound(const std::string& file);

/// What such a file holds.
struct Recording {
  std::vector<std::int32_t> codes;  // [n_frames, K]
  std::vector<float> audio;         // mono at the model's rate; none of codes
};

/// A sound at the model's rate.
///
/// Throws: as audio::read_audio_at; Error{kExhausted} if it is longer than the
/// model's context.
[[nodiscard]] std::vector<float> read_sound(const engine::ModelFacts& facts,
                                            const std::string& file);

/// Throws: as read_sound and Engine::encode; as read_codes_for.
[[nodiscard]] Recording read_recording(engine::Engine& engine,
                                       const RecordedTurn& turn);

/// The options --context-text, --context-speaker and --context-audio, which
/// are given together, once for each segment.
struct ContextOptions {
  std::vector<std::string> texts;
  std::vector<int> speakers;
  std::vector<std::string> files;

  void add_to(CLI::App& command);

  /// The segments in order.
  ///
  /// Throws: UsageError naming the option that was given less often than
  /// another.
  [[nodiscard]] std::vector<RecordedTurn> turns() const;
};

}  // namespace csm::cli
