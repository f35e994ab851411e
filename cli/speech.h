#pragma once

#include <cstdint>
#include <vector>

#include "csm/engine/engine.h"

namespace csm::cli {

/// All that one utterance came to.
struct Speech {
  std::vector<std::int32_t> codes;  // [n_frames, n_codebooks]
  std::vector<float> audio;         // [n_frames * samples per frame]
  engine::ModelFacts facts;
  int n_frames = 0;
  engine::StopReason stop_reason = engine::StopReason::kEos;
  engine::StageTimes times;
  std::int64_t n_invalid_codes = 0;
  std::int64_t n_changed_codes = 0;
  int prompt_positions = 0;
  double load_seconds = 0;
  double seconds = 0;  // without loading

  [[nodiscard]] double audio_seconds() const;
  /// Seconds of work per second of audio; 0 without audio.
  [[nodiscard]] double real_time_factor() const;
};

/// Loads a model and speaks one utterance, with progress on a terminal.
///
/// Throws: as engine::Engine.
[[nodiscard]] Speech speak(const engine::EngineOptions& model,
                           const engine::Utterance& utterance,
                           const engine::GenerationOptions& options);

}  // namespace csm::cli
