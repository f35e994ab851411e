#include "csm/kernels/affine.h"

#include <algorithm>
#include <bit>
#include <cmath>

#define CSM_KERNEL_BODY "csm/kernels/affine_trial-inl.h"
#include "csm/kernels/for_each_isa.inc"

namespace csm::kernels {
namespace {

// MLX's: scales of constant groups do not vanish.
constexpr float kSmallestScale = 1e-7F;

struct Affine {
  float scale;
  float bias;
};

struct Extent {
  float low;
  float high;
};

Extent extent_of(const float* w, int group) {
  Extent extent{w[0], w[0]};
  for (int i = 1; i < group; ++i) {
    extent.low = std::min(extent.low, w[i]);
    extent.high = std::max(extent.high, w[i]);
  }
  return extent;
}

Affine fit(Extent extent, float n_steps) {
  const auto [low, high] = extent;
  const bool from_low = std::abs(low) > std::abs(high);
  float scale = std::max((high - low) / n_steps, kSmallestScale);
  if (!from_low) scale = -scale;
  const float edge = from_low ? low : high;
  const float steps = std::rint(edge / scale);
  if (steps == 0.0F) return {scale, 0.0F};
  return {edge / steps, edge};
}

/// Rounds to an integer in [0, n_steps], ties to even.
std::uint32_t nearest_step(float w, Affine affine, float n_steps) {
  constexpr float kMagic = 0x1.8p23F;  // one unit is one in the last place
  const float x =
      std::min(std::max((w - affine.bias) / affine.scale, 0.0F), n_steps);
  return std::bit_cast<std::uint32_t>(x + kMagic) & 0xFFU;
}

// Rounds of least squares, each of which chooses q anew.
constexpr int kRefinements = 2;

/// What a choice of scale and bias comes to, as sums over a group.
struct Trial {
  float error;           // (scale q + bias - w)^2
  float q, q_q, w, w_q;  // products where two are named
};

constexpr IsaTable<void (*)(const float*, int, float, float, float, float*)>
    kAffineTrial = CSM_ISA_TABLE(affine_trial);

Trial try_affine(const float* w, int group, Affine affine, float n_steps,
                 Isa isa) {
  float sums[5];
  kAffineTrial[isa](w, group, affine.scale, affine.bias, n_steps, sums);
  return {sums[0], sums[1], sums[2], sums[3], sums[4]};
}

/// The scale and bias of least error for the q of a trial.
Affine solve(const Trial& trial, int group) {
  const auto n = static_cast<float>(group);
  const float scale =
      (n * trial.w_q - trial.q * trial.w) / (n * trial.q_q - trial.q * trial.q);
  const float rounded = round_to_bf16(scale);
  return {rounded, round_to_bf16((trial.w - rounded * trial.q) / n)};
}

/// Scale and bias of bfloat16 with a smaller squared error than `start`, or
/// that. Values too large to be squared keep it.
Affine refine(const float* w, int group, Extent extent, Affine start,
              float n_steps, Isa isa) {
  Affine affine = {round_to_bf16((extent.high - extent.low) / n_steps),
                   round_to_bf16(extent.low)};
  Affine best = start;
  float least = try_affine(w, group, start, n_steps, isa).error;
  for (int i = 0; i <= kRefinements; ++i) {
    // Comparisons are false for what is not a number.
    if (!(std::abs(affine.scale) >= kSmallestScale)) break;
    const Trial trial = try_affine(w, group, affine, n_steps, isa);
    if (trial.error < least) {
      least = trial.error;
      best = affine;
    }
    affine = solve(trial, group);
  }
  return best;
}

template <int kBits>
void quantize_group(const float* w, int group, ScaleType type,
                    std::uint32_t* words, float* scale, float* bias, Isa isa) {
  constexpr auto kSteps = static_cast<float>((1 << kBits) - 1);
  constexpr int kPerWord = 32 / kBits;
  const Extent extent = extent_of(w, group);
  Affine affine = fit(extent, kSteps);
  if (type == ScaleType::kBfloat16) {
    affine = {round_to_bf16(affine.scale), round_to_bf16(affine.bias)};
    if constexpr (kBits == 4) {
      affine = refine(w, group, extent, affine, kSteps, isa);
    }
  }
  for (int i = 0; i < group; i += kPerWord) {
    std::uint32_t word = 0;
    for (int j = 0; j < kPerWord; ++j) {
      word |= nearest_step(w[i + j], affine, kSteps) << (kBits * j);
    }
    words[i / kPerWord] = word;
  }
  *scale = affine.scale;
  *bias = affine.bias;
}

}  // namespace

void quantize_rows(const float* w, WeightType type, GroupFormat format,
                   std::int64_t n_out, std::int64_t n_in,
                   const AffineOutput& out, ThreadPool* pool, Isa isa) {
  const std::int64_t group = format.group;
  const std::int64_t n_groups = n_in / group;
  const std::int64_t words = group * bits_of(type) / 32;
  const auto quantize =
      type == WeightType::kInt4 ? &quantize_group<4> : &quantize_group<8>;
  parallel_for(pool, n_out, n_out * n_in, [&](Range rows) {
    for (std::int64_t g = rows.begin * n_groups; g < rows.end * n_groups; ++g) {
      quantize(w + g * group, format.group, format.scales,
               out.words + g * words, out.scales + g, out.biases + g, isa);
    }
  });
}

std::uint16_t bf16_bits(float x) {
  const auto bits = std::bit_cast<std::uint32_t>(x);
  return static_cast<std::uint16_t>((bits + 0x7FFFU + ((bits >> 16U) & 1U)) >>
                                    16U);
}

float round_to_bf16(float x) {
  return std::bit_cast<float>(static_cast<std::uint32_t>(bf16_bits(x)) << 16U);
}

}  // namespace csm::kernels
