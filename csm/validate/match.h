#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

namespace csm::validate {

/// The relative gap of the two best quotients below which the float32
/// arithmetic of PyTorch itself may choose either.
inline constexpr double kNearTie = 1e-5;

/// Codes of two samplers position by position, at equal noise.
struct Match {
  std::int64_t n_codes = 0;
  std::int64_t n_equal = 0;
  std::int64_t n_near_ties = 0;  ///< unequal, and the reference's margin small
  std::int64_t n_defects = 0;    ///< unequal for no such reason
  std::optional<std::int64_t> first_defect;  ///< index into the codes
  std::vector<double> by_row;                ///< [N] share of equal codes

  [[nodiscard]] double rate() const;
};

/// a, b      [n_draws, N]
/// margins   [n_draws, N] of the reference, or empty: no near-ties
/// near_tie  largest margin that counts as one; 0 for none
[[nodiscard]] Match match_codes(std::span<const std::int32_t> a,
                                std::span<const std::int32_t> b,
                                std::span<const float> margins, double near_tie,
                                int n_rows);

/// Share of codes equal to the one before in the same codebook, in [0, 1]; 0
/// if there is one frame only.
///
/// codes  [n_draws, F, K]
[[nodiscard]] double repetition_rate(std::span<const std::int32_t> codes,
                                     int n_frames, int n_codebooks);

}  // namespace csm::validate
