#pragma once

#include <CLI/CLI.hpp>
#include <cstdint>
#include <string>

#include "csm/sampling/noise.h"
#include "csm/sampling/sampler_options.h"
#include "csm/validate/logit_rows.h"

namespace csm::cli {

/// How codes are drawn: the options of `csm generate`, for `csm tokens`.
struct TokenSampling {
  float temperature = sampling::SamplerOptions{}.temperature;
  int top_k = sampling::SamplerOptions{}.top_k;
  bool greedy = false;
  std::string sampler = "torch-f32";
  std::string codec_safety = "mask-invalid";
  std::uint64_t seed = 0;

  void add_to(CLI::App& command);

  /// n_valid  codes that the codec can decode
  /// Throws: UsageError for unknown names, Error{kInvalidArgument} for values
  /// out of range.
  [[nodiscard]] sampling::SamplerOptions resolve(int n_valid) const;
};

/// Reads logits: float32 [V], [N, V] or [F, K, V].
///
/// n_valid  codes that the codec can decode; 0: all
/// Throws: Error as weights::read_npy_f32, Error{kInvalidArgument} for another
/// shape, a row that cannot be sampled from, or n_valid above V.
[[nodiscard]] validate::LogitRows read_logits(const std::string& path,
                                              int n_valid);

/// The value of an option among known names.
///
/// Throws: UsageError naming the option.
[[nodiscard]] sampling::Rng rng_option(const std::string& name);

}  // namespace csm::cli
