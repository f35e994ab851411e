#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "csm/validate/logit_rows.h"

namespace csm::validate {

// Ordinary draws hardly ever depend on the last digits of the noise, so a
// wrong epsilon or noise in too few bits passes them. A probe is one row of
// logits built around one seed's noise so that two candidates finish within
// 1e-5 of each other: 10 times what PyTorch's own float32 arithmetic blurs,
// and far less than such a fault moves.

/// Where on the exponential a probe puts its candidate.
enum class ProbeKind {
  kSmallNoise,  ///< q below 2e-6, p as small: an added epsilon decides
  kLargeNoise,  ///< q above 12, p near 1: u close to 1 needs all 53 bits
};

/// "small_noise" or "large_noise".
[[nodiscard]] const char* to_string(ProbeKind kind);

struct Probe {
  LogitRows rows;  ///< one row
  std::uint64_t seed = 0;
  std::int32_t expected = 0;  ///< the code that PyTorch draws
  std::int32_t rival = 0;     ///< the code that loses by 1e-5
};

/// Builds probes; half of them are won by the candidate with the extreme
/// noise, half by its rival. Logits are multiples of 2^-18 within +-32, so
/// that differences are exact in float32.
[[nodiscard]] std::vector<Probe> make_probes(ProbeKind kind, int vocab,
                                             int n_probes);

/// The options that probes are drawn with: temperature 1, nothing filtered.
[[nodiscard]] sampling::SamplerOptions probe_options(int vocab);

/// How many probes the sampler answers with another code than expected.
[[nodiscard]] int count_failed_probes(const std::vector<Probe>& probes,
                                      const DrawCodes& sampler);

}  // namespace csm::validate
