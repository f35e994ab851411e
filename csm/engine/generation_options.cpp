#include "csm/engine/generation_options.h"

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::engine {
namespace {

constexpr int kMinAudioMs = 1;
constexpr int kMaxAudioMs = 24 * 3600 * 1000;

}  // namespace

void GenerationOptions::validate(int n_codes) const {
  if (!greedy) sampler_options(n_codes).validate(n_codes);
  if (max_audio_ms < kMinAudioMs || max_audio_ms > kMaxAudioMs) {
    throw Error(
        ErrorCode::kInvalidArgument,
        str_cat("[engine.options] expected max_audio_ms in [", kMinAudioMs,
                ", ", kMaxAudioMs, "], got ", max_audio_ms));
  }
}

std::int64_t GenerationOptions::max_frames(const ModelFacts& facts) const {
  return std::int64_t{max_audio_ms} * facts.sample_rate_hz /
         (std::int64_t{1000} * facts.samples_per_frame);
}

sampling::SamplerOptions GenerationOptions::sampler_options(
    int n_valid_codes) const {
  sampling::SamplerOptions options;
  options.temperature = temperature;
  options.top_k = top_k;
  options.greedy = greedy;
  options.kind = sampler;
  options.codec_safety = codec_safety;
  options.n_valid_codes = n_valid_codes;
  return options;
}

}  // namespace csm::engine
