#pragma once

#include <cstdint>
#include <random>
#include <span>
#include <vector>

#include "csm/sampling/sampler_options.h"
#include "csm/validate/logit_rows.h"

namespace csm::validate {

// PyTorch's sampling written down a second time, slowly and plainly: double
// precision, sorting for top-k, the standard library's Mersenne Twister. It
// shares the options struct with csm/sampling and no line of arithmetic, so
// that a mistake in one of the two shows as a difference.
//
// Rounded on purpose, because the algorithm is defined by it: x = logit /
// temperature is float32 (its ties decide what top-k keeps) and noise is
// float32; torch-bf16 rounds to bfloat16 at every step that the original does.

/// One Exp(1) value of torch's CPU generator, and the stream of them.
class ReferenceNoise {
 public:
  /// seed  only the low 32 bits count
  explicit ReferenceNoise(std::uint64_t seed);

  /// The bits of the next value.
  std::uint64_t next();

  /// -log(1 - u), u = (low 53 bits) / 2^53, in float32 as torch stores it.
  [[nodiscard]] static double exponential(std::uint64_t bits);

 private:
  std::mt19937 words_;
};

/// The race of one row: its candidates and their weights.
struct ReferenceRow {
  std::vector<std::int32_t> codes;  ///< kept codes, ascending
  std::vector<double> weights;      ///< softmax of the kept logits
};

/// Keeps and weighs the candidates of one row; greedy keeps one.
[[nodiscard]] ReferenceRow reference_row(
    std::span<const float> logits, const sampling::SamplerOptions& options);

struct ReferenceDraws {
  std::vector<std::int32_t> codes;  ///< [n_draws, N]
  /// [n_draws, N]: (best - second) / best of the quotients p / q; 1 if there
  /// is one candidate only. Arithmetic decides where this is about 1e-7.
  std::vector<float> margins;
};

/// Draws as DrawCodes does.
[[nodiscard]] ReferenceDraws draw_reference(
    const LogitRows& rows, const sampling::SamplerOptions& options, int n_draws,
    std::uint64_t seed);

/// One race of a generation, played again.
struct Replay {
  std::int32_t best = 0;    ///< the code that PyTorch draws
  std::int32_t second = 0;  ///< the runner-up; best if there is none
  double margin = 1;        ///< (best - second) / best of their quotients
};

/// Replays the draw number `n_before` (from 0) of a generation of batch 1:
/// frame f and codebook c of K are draw f * K + c. Greedy: the two largest
/// logits and their difference as margin.
[[nodiscard]] Replay replay_draw(std::span<const float> logits,
                                 const sampling::SamplerOptions& options,
                                 std::uint64_t seed, std::int64_t n_before);

/// The probability of every code: [V], sum 1.
///
/// torch-f32: the softmax. torch-bf16: noise and quotients have 8 bits, so
/// ties are common and the lowest index wins them; the probabilities of that
/// race are summed over all bfloat16 values that the quotients can take.
/// legacy-range moves the probability of codes 1..31 to 0.
[[nodiscard]] std::vector<double> analytic_distribution(
    std::span<const float> logits, const sampling::SamplerOptions& options);

/// Chances of the bfloat16 race of candidates with given weights (bfloat16
/// values > 0), as analytic_distribution uses it: [weights.size()].
[[nodiscard]] std::vector<double> bf16_race_chances(
    std::span<const double> weights);

}  // namespace csm::validate
