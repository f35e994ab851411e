// What a server's clients ask for, spoken by the engine alone: the measure of
// what the server adds (tests/server/load.py).
//
//   bare_engine MODEL STREAMS MAX_AUDIO_MS TEMPERATURE TEXT
//
// Speaks TEXT with seeds 0, 1, ... in one batch, and prints frames and seconds.

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

#include "csm/base/error.h"
#include "csm/engine/engine.h"

namespace csm {
namespace {

int run(char** arguments) {
  engine::EngineOptions model;
  model.model_dir = arguments[1];
  engine::Engine engine(model);
  const int n_streams = std::atoi(arguments[2]);
  engine::GenerationOptions options;
  options.max_audio_ms = std::atoi(arguments[3]);
  options.temperature = std::strtof(arguments[4], nullptr);

  const auto start = std::chrono::steady_clock::now();
  std::vector<engine::Session> sessions;
  sessions.reserve(static_cast<std::size_t>(n_streams));
  for (int i = 0; i < n_streams; ++i) {
    options.seed = static_cast<std::uint64_t>(i);
    sessions.push_back(
        engine.start({.speaker = 0, .text = arguments[5]}, options));
  }
  std::size_t n_frames = 0;
  std::vector<engine::Session*> batch;
  do {
    batch.clear();
    for (engine::Session& session : sessions) {
      if (!session.stop_reason()) batch.push_back(&session);
    }
    for (const engine::StepResult& result : engine.step(batch)) {
      if (result.error) throw Error(*result.error);
      if (result.frame) ++n_frames;
    }
  } while (!batch.empty());
  const std::chrono::duration<double> seconds =
      std::chrono::steady_clock::now() - start;
  std::printf("%zu %.6f\n", n_frames, seconds.count());
  return 0;
}

}  // namespace
}  // namespace csm

int main(int n_arguments, char** arguments) {
  constexpr int kArguments = 6;
  if (n_arguments != kArguments) {
    std::fputs(
        "usage: bare_engine MODEL STREAMS MAX_AUDIO_MS TEMPERATURE "
        "TEXT\n",
        stderr);
    return 2;
  }
  try {
    return csm::run(arguments);
  } catch (const csm::Error& error) {
    std::fprintf(stderr, "bare_engine: %s\n", error.what());
    return 1;
  }
}
