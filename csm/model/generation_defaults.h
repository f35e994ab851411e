#pragma once

#include <filesystem>

namespace csm::model {

/// How a checkpoint asks to be sampled (generation_config.json).
struct GenerationDefaults {
  bool do_sample = true;     ///< false: greedy
  float temperature = 0.9F;  ///< > 0
  int top_k = 50;            ///< 0: no limit
  int max_frames = 125;      ///< `max_new_tokens`

  bool depth_do_sample = true;  ///< the same for codebooks 1..K-1
  float depth_temperature = 0.9F;
  int depth_top_k = 50;

  /// Reads `<model_dir>/generation_config.json`; a missing file or key leaves
  /// csm-1b's values, unknown keys are ignored.
  ///
  /// Throws: Error{kCorrupt} naming file and field, also if the depth decoder
  /// is asked for another number of codes than n_codebooks - 1.
  [[nodiscard]] static GenerationDefaults load(
      const std::filesystem::path& model_dir, int n_codebooks);
};

}  // namespace csm::model
