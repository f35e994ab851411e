#pragma once

// What the tests of batches share. Included by one test file each.

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "csm/engine/engine.h"
#include "csm/engine/engine_testing.h"

namespace csm::engine::testing_batch {

inline EngineOptions tiny_options(WeightType type, int threads) {
  EngineOptions options;
  options.random_weights = "tiny";
  options.weight_type = type;
  options.threads = threads;
  return options;
}

struct Request {
  std::vector<std::int32_t> prompt;
  GenerationOptions options;
  int first_step = 0;  // when it joins
  int idle_step = -1;  // a step that it sits out
};

// Requests that have nothing in common: length of prompt and speech, seed,
// temperature, top-k, random numbers, sampler, codec safety, time of joining.
inline std::vector<Request> requests(int n) {
  std::vector<Request> all;
  for (int i = 0; i < n; ++i) {
    Request request;
    for (int id = 0; id < 1 + i * 5 % 12; ++id) {
      request.prompt.push_back((id * 7 + i) % 50);
    }
    GenerationOptions& o = request.options;
    o.seed = static_cast<std::uint64_t>(40 + i);
    o.temperature = 0.6F + 0.1F * static_cast<float>(i);
    o.top_k = 5 + 9 * i % 60;
    o.greedy = i == 3;
    o.rng = i == 2   ? sampling::Rng::kTorchCuda
            : i == 5 ? sampling::Rng::kTorchCpuMkl
                     : sampling::Rng::kTorchCpu;
    o.sampler = i == 4 ? sampling::SamplerKind::kTorchBf16
                       : sampling::SamplerKind::kTorchF32;
    o.codec_safety = i % 2 == 0 ? sampling::CodecSafety::kMaskInvalid
                                : sampling::CodecSafety::kTorch;
    o.stop_at_end = false;
    o.max_audio_ms = 80 * (5 + i * 3 % 5);
    request.first_step = i % 3;
    request.idle_step = i == 1 ? 3 : -1;
    all.push_back(std::move(request));
  }
  return all;
}

struct Spoken : testing_engine::Speech {
  std::int64_t n_changed = 0;

  bool operator==(const Spoken&) const = default;
};

inline Spoken speak_alone(Engine& engine, const Request& request) {
  Session session = engine.start_tokens(request.prompt, request.options);
  Spoken spoken{testing_engine::speak_all(session)};
  spoken.n_changed = session.n_changed_codes();
  return spoken;
}

inline EngineOptions demo_options() {
  EngineOptions options;
  options.model_dir = std::string(CSM_SOURCE_DIR) + "/models/demo";
  options.threads = 2;
  return options;
}

}  // namespace csm::engine::testing_batch
