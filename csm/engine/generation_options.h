#pragma once

#include <cstdint>

#include "csm/engine/model_facts.h"
#include "csm/sampling/noise.h"
#include "csm/sampling/sampler_options.h"

namespace csm::engine {

/// What one request may choose.
struct GenerationOptions {
  /// All of the randomness. torch-cpu uses the low 32 bits, as torch does.
  std::uint64_t seed = 0;
  /// Divides the logits; finite, > 0.
  float temperature = sampling::SamplerOptions{}.temperature;
  /// Most probable codes that stay in the draw (ties with the last one too);
  /// 1 to the audio vocabulary.
  int top_k = sampling::SamplerOptions{}.top_k;
  /// The most probable code always; seed, temperature and top_k are unused.
  bool greedy = false;
  sampling::Rng rng = sampling::Rng::kTorchCpu;
  sampling::SamplerKind sampler = sampling::SamplerKind::kTorchF32;
  sampling::CodecSafety codec_safety = sampling::CodecSafety::kMaskInvalid;
  /// Longest audio; only whole frames of 80 ms, at least one.
  int max_audio_ms = 90000;
  /// False: go on to the limit, for measurements; end frames are spoken.
  bool stop_at_end = true;

  /// Throws: Error{kInvalidArgument} naming the field and its range.
  /// n_codes is the audio vocabulary V of the model.
  void validate(int n_codes) const;

  /// Whole frames that max_audio_ms allows; below 1 is an error to start with.
  [[nodiscard]] std::int64_t max_frames(const ModelFacts& facts) const;

  /// The sampler's share; n_valid_codes is the codec's codebook size.
  [[nodiscard]] sampling::SamplerOptions sampler_options(
      int n_valid_codes) const;
};

}  // namespace csm::engine
