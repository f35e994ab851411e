#include "csm/kernels/affine.h"

#include <algorithm>
#include <bit>
#include <cmath>

namespace csm::kernels {
namespace {

// MLX's: scales of constant groups do not vanish.
constexpr float kSmallestScale = 1e-7F;

struct Affine {
  float scale;
  float bias;
};

Affine fit(const float* w, int group, float n_steps) {
  float low = w[0];
  float high = w[0];
  for (int i = 1; i < group; ++i) {
    low = std::min(low, w[i]);
    high = std::max(high, w[i]);
  }
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

template <int kBits>
void quantize_group(const float* w, int group, ScaleType type,
                    std::uint32_t* words, float* scale, float* bias) {
  constexpr auto kSteps = static_cast<float>((1 << kBits) - 1);
  constexpr int kPerWord = 32 / kBits;
  Affine affine = fit(w, group, kSteps);
  if (type == ScaleType::kBfloat16) {
    affine = {round_to_bf16(affine.scale), round_to_bf16(affine.bias)};
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
                   const AffineOutput& out, ThreadPool* pool) {
  const std::int64_t group = format.group;
  const std::int64_t n_groups = n_in / group;
  const std::int64_t words = group * bits_of(type) / 32;
  const auto quantize =
      type == WeightType::kInt4 ? &quantize_group<4> : &quantize_group<8>;
  parallel_for(pool, n_out, n_out * n_in, [&](Range rows) {
    for (std::int64_t g = rows.begin * n_groups; g < rows.end * n_groups; ++g) {
      quantize(w + g * group, format.group, format.scales,
               out.words + g * words, out.scales + g, out.biases + g);
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
