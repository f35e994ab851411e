#pragma once

#include <cstdint>
#include <span>

#include "csm/sampling/sampler_options.h"

namespace csm::sampling {

/// e^x for x <= 0, correctly rounded in all but rare cases and the same on
/// every machine: computed in double with fixed operations.
[[nodiscard]] float exp_nonpositive(float x);

/// Scales logits by the temperature as the sampler kind does: float32
/// quotients, for kTorchBf16 of bfloat16-rounded logits and rounded again.
/// temperature 1 divides nothing.
///
/// logits, out  [n]; may be the same memory
void scale_logits(std::span<const float> logits, float temperature,
                  SamplerKind kind, std::span<float> out);

/// Replaces the kept, scaled logits of one row by their probabilities.
///
/// kTorchF32:  softmax in float32, times the reciprocal of the sum.
/// kTorchBf16: log_softmax and softmax with torch's CPU rounding points (the
///   sum and its logarithm are bfloat16, too).
/// row  [m] finite, bfloat16 values for kTorchBf16, m >= 1. Filtered entries
///   have probability 0 and do not take part.
void softmax_in_place(SamplerKind kind, std::span<float> row);

}  // namespace csm::sampling
