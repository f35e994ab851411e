#include "csm/validate/reference_sampler.h"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace csm::validate {
namespace {

using sampling::CodecSafety;
using sampling::SamplerKind;
using sampling::SamplerOptions;

double to_f32(double value) {
  return static_cast<double>(static_cast<float>(value));
}

// To the nearest of the numbers with 8 significant bits, ties to even.
double to_bf16(double value) {
  value = to_f32(value);
  if (value == 0.0 || !std::isfinite(value)) return value;
  int exponent = 0;
  const double fraction = std::frexp(value, &exponent);
  return std::ldexp(std::nearbyint(std::ldexp(fraction, 8)), exponent - 8);
}

bool is_bf16(const SamplerOptions& options) {
  return options.kind == SamplerKind::kTorchBf16;
}

std::size_t count_drawable(std::size_t vocab, const SamplerOptions& options) {
  return options.codec_safety == CodecSafety::kMaskInvalid
             ? std::min(vocab, static_cast<std::size_t>(options.n_valid_codes))
             : vocab;
}

std::vector<double> scaled_logits(std::span<const float> logits,
                                  const SamplerOptions& options) {
  const auto temperature = static_cast<double>(options.temperature);
  std::vector<double> scaled;
  for (const float logit : logits) {
    double x = static_cast<double>(logit);
    if (is_bf16(options)) {
      x = to_bf16(to_bf16(x) / temperature);
    } else {
      x = to_f32(x / temperature);
    }
    scaled.push_back(x);
  }
  return scaled;
}

// The k-th largest value, equal ones counted separately.
double kth_largest(std::vector<double> values, int top_k) {
  std::sort(values.begin(), values.end(), std::greater<>());
  const auto k = std::min(static_cast<std::size_t>(top_k), values.size());
  return values[k - 1];
}

std::vector<double> softmax(const std::vector<double>& x) {
  const double largest = *std::max_element(x.begin(), x.end());
  std::vector<double> p;
  double sum = 0.0;
  for (const double value : x) {
    p.push_back(std::exp(value - largest));
    sum += p.back();
  }
  for (double& value : p) value /= sum;
  return p;
}

// softmax(log_softmax(x)) with the roundings of torch's CPU kernels.
std::vector<double> double_softmax_bf16(std::vector<double> x) {
  const double largest = *std::max_element(x.begin(), x.end());
  double sum = 0.0;
  for (const double value : x) sum += to_f32(std::exp(value - largest));
  const double log_sum = to_bf16(std::log(to_bf16(sum)));
  for (double& value : x) value = to_bf16(to_f32(value - largest) - log_sum);

  const double largest_log = *std::max_element(x.begin(), x.end());
  double total = 0.0;
  for (double& value : x) {
    value = to_f32(std::exp(value - largest_log));
    total += value;
  }
  const double reciprocal = to_f32(1.0 / to_f32(total));
  for (double& value : x) value = to_bf16(value * reciprocal);
  return x;
}

std::int32_t legacy(std::int32_t code, const SamplerOptions& options) {
  const bool replaced = options.codec_safety == CodecSafety::kLegacyRange &&
                        code >= 1 && code <= 31;
  return replaced ? 0 : code;
}

// One race over the whole row: every code takes its noise, kept or not.
Replay race(const ReferenceRow& row, int vocab, const SamplerOptions& options,
            ReferenceNoise& noise) {
  Replay result{row.codes[0], row.codes[0], 1.0};
  double best = -1.0;
  double second = -1.0;
  std::size_t kept = 0;
  for (std::int32_t code = 0; code < vocab; ++code) {
    const std::uint64_t bits = noise.next();
    if (kept == row.codes.size() || row.codes[kept] != code) continue;
    const double q = ReferenceNoise::exponential(bits);
    const double quotient = is_bf16(options)
                                ? to_bf16(row.weights[kept] / to_bf16(q))
                                : row.weights[kept] / q;
    ++kept;
    if (quotient > best) {
      second = best;
      result.second = result.best;
      best = quotient;
      result.best = code;
    } else if (quotient > second) {
      second = quotient;
      result.second = code;
    }
  }
  if (second >= 0.0) result.margin = (best - second) / best;
  return result;
}

Replay replay_greedily(std::span<const float> logits,
                       const SamplerOptions& options) {
  const auto drawable = logits.first(count_drawable(logits.size(), options));
  const auto first = std::max_element(drawable.begin(), drawable.end());
  Replay result;
  result.best = static_cast<std::int32_t>(first - drawable.begin());
  result.second = result.best;
  double second = -std::numeric_limits<double>::infinity();
  for (std::size_t code = 0; code < drawable.size(); ++code) {
    const auto logit = static_cast<double>(drawable[code]);
    if (static_cast<std::int32_t>(code) == result.best || logit <= second) {
      continue;
    }
    second = logit;
    result.second = static_cast<std::int32_t>(code);
  }
  result.margin = static_cast<double>(*first) - second;
  return result;
}

}  // namespace

ReferenceNoise::ReferenceNoise(std::uint64_t seed)
    : words_(static_cast<std::mt19937::result_type>(seed & 0xFFFFFFFFU)) {}

std::uint64_t ReferenceNoise::next() {
  const std::uint64_t high = words_();
  return (high << 32U) | words_();
}

double ReferenceNoise::exponential(std::uint64_t bits) {
  const double u =
      std::ldexp(static_cast<double>(bits % (std::uint64_t{1} << 53U)), -53);
  return to_f32(-std::log1p(-u));
}

ReferenceRow reference_row(std::span<const float> logits,
                           const SamplerOptions& options) {
  const auto drawable = logits.first(count_drawable(logits.size(), options));
  ReferenceRow row;
  if (options.greedy) {
    const auto largest = std::max_element(drawable.begin(), drawable.end());
    return {{static_cast<std::int32_t>(largest - drawable.begin())}, {1.0}};
  }
  const std::vector<double> scaled = scaled_logits(drawable, options);
  const double threshold = kth_largest(scaled, options.top_k);
  for (std::size_t code = 0; code < scaled.size(); ++code) {
    if (scaled[code] < threshold || std::isinf(scaled[code])) continue;
    row.codes.push_back(static_cast<std::int32_t>(code));
    row.weights.push_back(scaled[code]);
  }
  row.weights = is_bf16(options) ? double_softmax_bf16(row.weights)
                                 : softmax(row.weights);
  return row;
}

ReferenceDraws draw_reference(const LogitRows& rows,
                              const SamplerOptions& options, int n_draws,
                              std::uint64_t seed) {
  std::vector<ReferenceRow> races;
  for (int row = 0; row < rows.n_rows(); ++row) {
    races.push_back(reference_row(rows.row(row), options));
  }
  ReferenceNoise noise(seed);
  ReferenceDraws draws;
  for (int draw = 0; draw < n_draws; ++draw) {
    for (const ReferenceRow& row : races) {
      const Replay winner = options.greedy
                                ? Replay{row.codes[0], row.codes[0], 1.0}
                                : race(row, rows.vocab, options, noise);
      draws.codes.push_back(legacy(winner.best, options));
      draws.margins.push_back(static_cast<float>(winner.margin));
    }
  }
  return draws;
}

Replay replay_draw(std::span<const float> logits, const SamplerOptions& options,
                   std::uint64_t seed, std::int64_t n_before) {
  if (options.greedy) return replay_greedily(logits, options);
  ReferenceNoise noise(seed);
  const auto vocab = static_cast<std::int64_t>(logits.size());
  for (std::int64_t idx = 0; idx < n_before * vocab; ++idx) noise.next();
  Replay result = race(reference_row(logits, options), static_cast<int>(vocab),
                       options, noise);
  result.best = legacy(result.best, options);
  result.second = legacy(result.second, options);
  return result;
}

std::vector<double> analytic_distribution(std::span<const float> logits,
                                          const SamplerOptions& options) {
  const ReferenceRow row = reference_row(logits, options);
  const std::vector<double> chances = is_bf16(options) && !options.greedy
                                          ? bf16_race_chances(row.weights)
                                          : row.weights;
  std::vector<double> distribution(logits.size(), 0.0);
  for (std::size_t idx = 0; idx < row.codes.size(); ++idx) {
    const std::int32_t code = legacy(row.codes[idx], options);
    distribution[static_cast<std::size_t>(code)] += chances[idx];
  }
  return distribution;
}

}  // namespace csm::validate
