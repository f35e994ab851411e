#pragma once

#include <CLI/CLI.hpp>
#include <string>

#include "csm/engine/generation_options.h"

namespace csm::cli {

/// The options that say how codes are drawn, and how many: --temperature,
/// --top-k, --seed, --greedy, --rng, --sampler, --codec-safety and
/// --max-audio-ms.
struct SamplingOptions {
  std::string seed;  ///< empty: a new one
  float temperature = engine::GenerationOptions{}.temperature;
  int top_k = engine::GenerationOptions{}.top_k;
  bool greedy = false;
  std::string rng = "torch-cpu";
  std::string sampler = "torch-f32";
  std::string codec_safety = "mask-invalid";
  int max_audio_ms = 90000;

  void add_to(CLI::App& command);

  /// With a new seed each time if none is given.
  ///
  /// Throws: UsageError naming the option that cannot be read.
  [[nodiscard]] engine::GenerationOptions generation_options() const;
};

}  // namespace csm::cli
