#pragma once

#include <cstdint>
#include <span>

#include "csm/sampling/noise_row.h"
#include "csm/sampling/sampler_options.h"

namespace csm::sampling {

/// The code for logits that PyTorch would refuse to sample from; see draw_code.
inline constexpr std::int32_t kBadLogits = -1;

/// One drawn code.
struct Draw {
  std::int32_t code = kBadLogits;
  /// The codec-safety rule chose another code than kTorch would have, given
  /// the same logits and noise.
  bool changed = false;
};

/// Draws one code from one row of logits as PyTorch does.
///
///   x = logits / temperature        codes x < k-th largest are filtered
///   p = softmax(x)                  ties with the k-th stay
///   code = argmax(p / q)            q ~ Exp(1): a race that p_i wins with
///                                   probability p_i
///
/// Equal quotients: lowest index. A zero of the noise makes the quotient of a
/// filtered code 0 / 0; as in PyTorch a NaN quotient wins (its chance is 2^-53
/// for each value). Greedy: the first largest logit, without noise.
///
/// logits   [V] float32, V >= 1
/// noise    [V] values; not read when greedy
/// options  valid; top_k is clamped to the number of codes that may be drawn
/// returns  code in [0, V), or kBadLogits where torch.multinomial would raise:
///          any logit is NaN or +infinity, none of those that may be drawn is
///          finite, or the division by the temperature overflows. -infinity
///          is an ordinary logit of probability 0. The caller turns kBadLogits
///          into an error; it never is a code.
/// Exact: torch 2.9.1 CPU, same logits and noise, both kinds: the same codes
///   (csm/sampling/sampler_test.cpp, tools/oracle/check_sampling.py).
[[nodiscard]] Draw draw_code(std::span<const float> logits, NoiseRow noise,
                             const SamplerOptions& options);

/// draw_code with plain noise values and only the code as result.
[[nodiscard]] std::int32_t sample_torch_f32(std::span<const float> logits,
                                            std::span<const float> noise,
                                            const SamplerOptions& options);

}  // namespace csm::sampling
