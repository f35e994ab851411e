#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "csm/engine/engine.h"

namespace csm::cli {

/// What `csm bench` is to measure.
struct BenchPlan {
  engine::EngineOptions model;
  int n_frames = 25;  ///< in each repetition, after the first one
  int n_streams = 1;  ///< that speak at the same time
  int n_repetitions = 5;
  int n_prompt = 200;       ///< positions of the prompt
  bool throughput = false;  ///< also with 1, 2, 4 and 8 streams
};

/// One repetition: all streams start anew with the prompt and speak n_frames
/// frames after the first. A step is one frame of every stream.
///
/// Times of a step are the mean over the steps between the first and the third
/// quartile of the total, so that its parts add up and a disturbed step does
/// not count.
struct Repetition {
  engine::FrameTimes step;      ///< seconds
  double prefill = 0;           ///< seconds of the backbone for the prompts
  double first_audio = 0;       ///< seconds until every stream has a frame
  double bandwidth_before = 0;  ///< bytes a second that the machine reads
  double bandwidth_after = 0;
  double peak = 0;  ///< operations a second of the instruction that multiplies

  [[nodiscard]] double bandwidth() const {
    return (bandwidth_before + bandwidth_after) / 2;
  }
  /// Seconds of a step without the codec.
  [[nodiscard]] double lm() const { return step.total - step.codec; }
};

/// Steps with another number of streams.
struct Throughput {
  int n_streams = 0;
  std::vector<double> step_seconds;  ///< of each repetition
};

struct BenchResult {
  engine::ModelFacts facts;
  engine::ModelCost cost;
  std::string isa;
  int threads = 0;
  double load_seconds = 0;
  std::uint64_t peak_memory = 0;  ///< bytes, before the probes' buffer
  std::string codes_sha256;       ///< of the first stream
  std::vector<Repetition> repetitions;
  std::vector<Throughput> throughput;
};

/// Loads the model and measures, with progress on a terminal.
///
/// save_weights  a folder to write random weights to; empty: none
/// Throws: as engine::Engine; UsageError if the prompt and the frames do not
/// fit into the model's context.
[[nodiscard]] BenchResult run_bench(const BenchPlan& plan,
                                    const std::string& save_weights);

/// Token ids of the prompt: (7919 i + 17) mod n_text_tokens.
[[nodiscard]] std::vector<std::int32_t> bench_prompt(int n, int n_text_tokens);

}  // namespace csm::cli
