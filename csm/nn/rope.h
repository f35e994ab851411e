#pragma once

#include <optional>
#include <vector>

#include "csm/base/json.h"

namespace csm::nn {

/// Llama-3 stretching of slow rotary frequencies.
///
/// Source: transformers 4.57 modeling_rope_utils, `_compute_llama3_parameters`.
struct Llama3Scaling {
  double factor = 1;            ///< slow frequencies are divided by this
  double low_freq_factor = 1;   ///< wavelengths > original / low are slow
  double high_freq_factor = 4;  ///< wavelengths < original / high stay
  double original_max_positions = 8192;
};

/// Rotary position embedding of one transformer, half-split pairing.
struct RopeConfig {
  double theta = 10000;                 ///< base of the frequencies
  std::optional<Llama3Scaling> llama3;  ///< absent: no scaling
};

/// Reads `rope_theta` and `rope_scaling` of a transformer's config object, or
/// `rope_parameters`, which holds both since transformers 5.
///
/// `rope_scaling` may be absent, null, or an object whose `rope_type` (or
/// `type`, its older name) is "default" or "llama3".
/// Throws: Error{kCorrupt} naming the field; Error{kUnsupported} for another
/// rope type.
[[nodiscard]] RopeConfig parse_rope(const JsonObject& config,
                                    double default_theta);

/// Frequencies per pair, radians per position; [head_dim / 2].
///
/// Evaluated in float32 in the same order as transformers does.
/// Exact: <= 1 ulp against torch 2.9.1 (csm/nn/rope_test.cpp)
[[nodiscard]] std::vector<float> rope_inverse_frequencies(
    int head_dim, const RopeConfig& config);

}  // namespace csm::nn
