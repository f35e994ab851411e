#include "csm/sampling/sampler.h"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>
#include <vector>

#include "csm/kernels/row_scan.h"
#include "csm/sampling/bf16.h"
#include "csm/sampling/probabilities.h"
#include "csm/sampling/top_k.h"

namespace csm::sampling {
namespace {

constexpr std::int32_t kLegacyFirst = 1;
constexpr std::int32_t kLegacyLast = 31;
constexpr std::int32_t kLegacyReplacement = 0;

kernels::RowRange range_of(std::span<const float> row) {
  return kernels::range_of_row(row.data(),
                               static_cast<std::int64_t>(row.size()));
}

bool all_usable(std::span<const float> logits) {
  return range_of(logits).n_above == 0;
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
  Candidates kept = {std::vector<std::int32_t>(scaled.size()),
                     std::vector<float>(scaled.size())};
  const auto n_kept = static_cast<std::size_t>(kernels::take_at_least(
      scaled.data(), n, bound, kept.codes.data(), kept.probabilities.data()));
  kept.codes.resize(n_kept);
  kept.probabilities.resize(n_kept);
  return kept;
}

float quotient(SamplerKind kind, float probability, float noise) {
  if (kind == SamplerKind::kTorchF32) return probability / noise;
  return round_to_bf16(probability / round_to_bf16(noise));
}

// The best of the candidates looked at so far; equal quotients: lowest code.
class Leader {
 public:
  Leader(const Candidates& kept, NoiseRow noise, SamplerKind kind)
      : kept_(kept), noise_(noise), kind_(kind), code_(kept.codes[0]) {}

  void meet(std::size_t idx) {
    const std::int32_t code = kept_.codes[idx];
    const float value = quotient(kind_, kept_.probabilities[idx],
                                 noise_[static_cast<std::size_t>(code)]);
    if (value > best_ || (value == best_ && code < code_)) {
      best_ = value;
      code_ = code;
    }
  }

  [[nodiscard]] float best() const { return best_; }
  [[nodiscard]] std::int32_t code() const { return code_; }

 private:
  const Candidates& kept_;
  NoiseRow noise_;
  SamplerKind kind_;
  std::int32_t code_;
  float best_ = -1.0F;
};

// Where noise is made of words, -log(1 - u) >= u bounds each quotient from
// above without a logarithm. The candidate with the highest bound goes first;
// then only those need a logarithm whose bound reaches the best quotient.
std::int32_t race(const Candidates& kept, NoiseRow noise, SamplerKind kind) {
  // More than all roundings of both kinds can add to a quotient.
  constexpr float kSlack = 1.03F;
  Leader leader(kept, noise, kind);
  const std::size_t n = kept.codes.size();
  std::vector<float> bounds(n);
  for (std::size_t idx = 0; idx < n; ++idx) {
    const auto code = static_cast<std::size_t>(kept.codes[idx]);
    bounds[idx] = kept.probabilities[idx] / noise.lower_bound(code) * kSlack;
  }
  leader.meet(static_cast<std::size_t>(first_largest(bounds)));
  for (std::size_t idx = 0; idx < n; ++idx) {
    if (bounds[idx] >= leader.best()) leader.meet(idx);
  }
  return leader.code();
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
  const float bound = range_of(masked).largest;
  if (std::isinf(bound)) return false;
  // Those above the bound reach the next float.
  const float above =
      std::nextafter(bound, std::numeric_limits<float>::infinity());
  return kernels::count_at_least(
             scaled.data(), static_cast<std::int64_t>(n_valid), above) < top_k;
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
  // Of usable values the largest is finite unless all are minus infinity.
  if (!all_usable(scaled) || std::isinf(range_of(drawable).largest)) return {};
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
