#include "csm/sampling/noise_row.h"

namespace csm::sampling {

bool NoiseRow::has_zero(std::size_t n) const {
  // Counting without an early exit vectorises; a hit is next to impossible.
  std::size_t n_zero = 0;
  if (values_ != nullptr) {
    for (std::size_t idx = 0; idx < n; ++idx) {
      n_zero += values_[idx] == 0.0F ? 1U : 0U;
    }
    return n_zero != 0;
  }
  constexpr std::uint32_t kHighPart = (1U << 21U) - 1;  // bits 32..52
  for (std::size_t idx = 0; idx < n; ++idx) {
    const std::uint32_t low53 =
        (words_[2 * idx] & kHighPart) | words_[2 * idx + 1];
    n_zero += low53 == 0 ? 1U : 0U;
  }
  return n_zero != 0;
}

}  // namespace csm::sampling
