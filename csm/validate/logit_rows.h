#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <vector>

#include "csm/sampling/noise.h"
#include "csm/sampling/sampler_options.h"

namespace csm::validate {

/// The logits that samplers are tested on: one row for every frame and
/// codebook, in the order in which PyTorch would see them as one batch.
struct LogitRows {
  int n_frames = 0;         ///< F
  int n_codebooks = 1;      ///< K
  int vocab = 0;            ///< V
  int n_valid_codes = 0;    ///< codes that the codec can decode, <= V
  std::vector<float> data;  ///< [F, K, V]

  [[nodiscard]] int n_rows() const { return n_frames * n_codebooks; }
  [[nodiscard]] std::span<const float> row(int row) const;

  /// Throws: Error{kInvalidArgument} on inconsistent sizes, or on a row that
  /// PyTorch would refuse to sample from (NaN, +infinity, no finite value).
  /// origin  names the source in the message
  void validate(const std::string& origin) const;
};

/// A sampler under test: n_draws calls over the batch of all rows, all noise
/// from one generator that is seeded once.
///
/// returns  [n_draws, N] codes
using DrawCodes = std::function<std::vector<std::int32_t>(
    const LogitRows& rows, const sampling::SamplerOptions& options, int n_draws,
    std::uint64_t seed)>;

/// The sampler of this program, csm/sampling: what `csm generate` draws with.
///
/// PyTorch's order: every call fills noise [N, V] row by row.
/// progress  called after each draw with the number done; may be empty
/// Throws: Error{kInvalidArgument} for options that do not fit the rows.
[[nodiscard]] std::vector<std::int32_t> draw_with_csm(
    const LogitRows& rows, const sampling::SamplerOptions& options,
    sampling::Rng rng, int n_draws, std::uint64_t seed,
    const std::function<void(int)>& progress = {});

/// draw_with_csm with the noise of torch-cpu.
[[nodiscard]] DrawCodes csm_sampler();

}  // namespace csm::validate
