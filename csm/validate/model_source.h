#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "csm/engine/engine.h"
#include "csm/validate/logit_rows.h"
#include "csm/validate/measure.h"

namespace csm::validate {

/// Which utterances a model's logits are taken from.
struct ModelSourceOptions {
  std::vector<std::string> prompts;      ///< at least one
  int n_seeds = 2;                       ///< generations of each prompt
  int n_frames = 16;                     ///< frames of logits in all
  int n_speakers = 2;                    ///< prompts take speakers in turn
  int max_audio_ms = 4000;               ///< of each generation
  engine::GenerationOptions generation;  ///< seed is that of the first one
};

/// Logits that a model really gives, and what they were taken from.
struct ModelRows {
  LogitRows rows;
  OrderedJson description;  ///< prompts, seeds, frames, how speech ended
};

/// Generates every prompt with every seed, scores the codes (teacher forcing)
/// and takes a run of frames from the middle of each generation.
///
/// progress  called with the generations done and their number
/// Throws: Error as Engine::start and Engine::score; Error{kBackend} if no
/// generation had a frame.
[[nodiscard]] ModelRows rows_of_model(
    engine::Engine& engine, const ModelSourceOptions& options,
    const std::function<void(int, int)>& progress = {});

/// Sentences for a run without a file of prompts.
[[nodiscard]] const std::vector<std::string>& default_prompts();

}  // namespace csm::validate
