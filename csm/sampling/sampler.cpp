#include "csm/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "csm/sampling/bf16.h"
#include "csm/sampling/probabilities.h"
#include "csm/sampling/top_k.h"

namespace csm::sampling {
namespace {

constexpr std::int32_t kLegacyFirst = 1;
constexpr std::int32_t kLegacyLast = 31;
constexpr std::int32_t kLegacyReplacement = 0;

bool all_usable(std::span<const float> logits) {
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  std::size_t n_bad = 0;  // counting vectorises; NaN fails every comparison
  for (const float logit : logits) n_bad += logit < kInfinity ? 0U : 1U;
  return n_bad == 0;
}

std::int32_t first_largest(std::span<const float> values) {
  return static_cast<std::int32_t>(
      std::max_element(values.begin(), values.end()) - values.begin());
}

// The kept codes of one row in ascending order and their probabilities.
struct Candidates {
  std::vector<std::int32_t> codes;
  std::vector<float> probabilities;  // scaled logits at first
};

Candidates keep_top_k(std::span<const float> scaled, int top_k) {
  const int n = static_cast<int>(scaled.size());
  const float threshold = kth_largest(scaled, std::min(top_k, n));
  // Codes of probability 0 need not race, so minus infinity is not kept.
  const float bound = std::max(threshold, std::numeric_limits<float>::lowest());
  Candidates kept;
  kept.codes.resize(scaled.size());
  std::size_t n_kept = 0;
  for (std::int32_t code = 0; code < n; ++code) {
    kept.codes[n_kept] = code;  // overwritten unless kept: no branch
    n_kept += scaled[static_cast<std::size_t>(code)] >= bound ? 1U : 0U;
  }
  kept.codes.resize(n_kept);
  kept.probabilities.reserve(n_kept);
  for (const std::int32_t code : kept.codes) {
    kept.probabilities.push_back(scaled[static_cast<std::size_t>(code)]);
  }
  return kept;
}

float quotient(SamplerKind kind, float probability, float noise) {
  if (kind == SamplerKind::kTorchF32) return probability / noise;
  return round_to_bf16(probability / round_to_bf16(noise));
}

std::int32_t race(const Candidates& kept, NoiseRow noise, SamplerKind kind) {
  std::int32_t winner = kept.codes[0];
  float best = -1.0F;
  for (std::size_t idx = 0; idx < kept.codes.size(); ++idx) {
    const auto code = static_cast<std::size_t>(kept.codes[idx]);
    const float value = quotient(kind, kept.probabilities[idx], noise[code]);
    if (value > best) {
      best = value;
      winner = kept.codes[idx];
    }
  }
  return winner;
}

// The race over all n codes, filtered ones with probability 0, with the
// NaN rule of argmax. Needed only where the noise contains a zero.
std::int32_t race_with_zero_noise(const Candidates& kept, NoiseRow noise,
                                  SamplerKind kind, std::size_t n) {
  std::vector<float> quotients(n, 0.0F);
  for (std::size_t idx = 0; idx < kept.codes.size(); ++idx) {
    quotients[static_cast<std::size_t>(kept.codes[idx])] =
        kept.probabilities[idx];
  }
  for (std::size_t code = 0; code < n; ++code) {
    quotients[code] = quotient(kind, quotients[code], noise[code]);
    if (std::isnan(quotients[code])) return static_cast<std::int32_t>(code);
  }
  return first_largest(quotients);
}

// The draw among all codes of `scaled`, of which one at least is finite.
std::int32_t draw_among(std::span<const float> scaled, NoiseRow noise,
                        const SamplerOptions& options) {
  Candidates kept = keep_top_k(scaled, options.top_k);
  softmax_in_place(options.kind, kept.probabilities);
  if (noise.has_zero(scaled.size())) {
    return race_with_zero_noise(kept, noise, options.kind, scaled.size());
  }
  return race(kept, noise, options.kind);
}

// True if a code from n_valid on would be kept if it were not masked.
bool mask_matters(std::span<const float> scaled, std::size_t n_valid,
                  int top_k) {
  const std::span<const float> masked = scaled.subspan(n_valid);
  if (masked.empty()) return false;
  const float bound = *std::max_element(masked.begin(), masked.end());
  int n_above = 0;
  for (const float value : scaled.first(n_valid)) {
    n_above += value > bound ? 1 : 0;
  }
  return n_above < top_k && !std::isinf(bound);
}

std::size_t count_drawable(std::size_t vocab, const SamplerOptions& options) {
  if (options.codec_safety != CodecSafety::kMaskInvalid) return vocab;
  return std::min(vocab, static_cast<std::size_t>(options.n_valid_codes));
}

// The greedy choice; `logits` are usable.
Draw draw_greedily(std::span<const float> logits, std::size_t n_drawable) {
  const std::int32_t code = first_largest(logits.first(n_drawable));
  if (std::isinf(logits[static_cast<std::size_t>(code)])) return {};
  return {code, code != first_largest(logits)};
}

Draw draw_by_race(std::span<const float> logits, std::size_t n_drawable,
                  NoiseRow noise, const SamplerOptions& options) {
  std::vector<float> scaled(logits.size());
  scale_logits(logits, options.temperature, options.kind, scaled);
  const std::span<const float> drawable =
      std::span<const float>(scaled).first(n_drawable);
  const bool has_finite = std::any_of(drawable.begin(), drawable.end(),
                                      [](float x) { return std::isfinite(x); });
  if (!all_usable(scaled) || !has_finite) return {};
  Draw draw = {draw_among(drawable, noise, options), false};
  if (mask_matters(scaled, n_drawable, options.top_k)) {
    draw.changed = draw.code != draw_among(scaled, noise, options);
  }
  return draw;
}

}  // namespace

Draw draw_code(std::span<const float> logits, NoiseRow noise,
               const SamplerOptions& options) {
  if (!all_usable(logits)) return {};
  const std::size_t n_drawable = count_drawable(logits.size(), options);
  const Draw draw = options.greedy
                        ? draw_greedily(logits, n_drawable)
                        : draw_by_race(logits, n_drawable, noise, options);
  const bool replaced = options.codec_safety == CodecSafety::kLegacyRange &&
                        draw.code >= kLegacyFirst && draw.code <= kLegacyLast;
  return replaced ? Draw{kLegacyReplacement, true} : draw;
}

std::int32_t sample_torch_f32(std::span<const float> logits,
                              std::span<const float> noise,
                              const SamplerOptions& options) {
  return draw_code(logits, NoiseRow::values(noise), options).code;
}

}  // namespace csm::sampling
