#include "cli/bench_run.h"

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <span>

#include "cli/console.h"
#include "csm/base/memory_info.h"
#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"
#include "csm/base/thread_pool.h"
#include "csm/kernels/isa.h"
#include "csm/kernels/machine_probe.h"

namespace csm::cli {
namespace {

using Clock = std::chrono::steady_clock;
using engine::FrameTimes;

constexpr double kProbeSeconds = 0.1;
constexpr std::uint64_t kSeed = 1;
constexpr int kDefaultTopK = 100;

FrameTimes operator+(const FrameTimes& a, const FrameTimes& b) {
  return {.total = a.total + b.total,
          .backbone = a.backbone + b.backbone,
          .depth = a.depth + b.depth,
          .sampler = a.sampler + b.sampler,
          .codec = a.codec + b.codec};
}

FrameTimes operator/(const FrameTimes& a, double n) {
  return {.total = a.total / n,
          .backbone = a.backbone / n,
          .depth = a.depth / n,
          .sampler = a.sampler / n,
          .codec = a.codec / n};
}

FrameTimes middle_mean(std::vector<FrameTimes> steps) {
  std::sort(steps.begin(), steps.end(),
            [](const auto& a, const auto& b) { return a.total < b.total; });
  const std::size_t cut = steps.size() / 4;
  FrameTimes sum;
  for (std::size_t i = cut; i < steps.size() - cut; ++i) sum = sum + steps[i];
  return sum / static_cast<double>(steps.size() - 2 * cut);
}

// Streams that speak at the same time, one frame of each in a step.
class Streams {
 public:
  Streams(engine::Engine& engine, const BenchPlan& plan, int n_streams)
      : engine_(engine) {
    const engine::ModelFacts& facts = engine.facts();
    engine::GenerationOptions options;
    options.top_k = std::min(kDefaultTopK, facts.n_codes);
    options.stop_at_end = false;
    // The tokens of transformers for the same weights, seed and prompt.
    options.codec_safety = sampling::CodecSafety::kTorch;
    const std::int64_t samples =
        std::int64_t{plan.n_frames + 1} * facts.samples_per_frame;
    options.max_audio_ms = static_cast<int>(
        (samples * 1000 + facts.sample_rate_hz - 1) / facts.sample_rate_hz);
    for (int stream = 0; stream < n_streams; ++stream) {
      options.seed = kSeed + static_cast<std::uint64_t>(stream);
      sessions_.push_back(engine.start_tokens(
          bench_prompt(plan.n_prompt, facts.n_text_tokens), options));
    }
    for (engine::Session& session : sessions_) batch_.push_back(&session);
  }

  /// One frame of every stream; the codes of the first.
  std::vector<std::int32_t> step(FrameTimes& times) {
    std::vector<engine::StepResult> results = engine_.step(batch_);
    for (const engine::StepResult& result : results) {
      if (result.error) throw *result.error;
    }
    times = sessions_[0].frame_times();
    return std::move(results[0].frame.value().codes);
  }

 private:
  engine::Engine& engine_;
  std::vector<engine::Session> sessions_;
  std::vector<engine::Session*> batch_;
};

// What has been done, in frames, on a terminal.
class BenchProgress {
 public:
  explicit BenchProgress(const BenchPlan& plan) : plan_(plan) {}

  void begin(std::string what) { what_ = std::move(what); }
  void show(int frame) {
    line_.show(
        str_cat("bench: ", what_, ", frame ", frame, " of ", plan_.n_frames));
  }
  void note(const std::string& text) { line_.show("bench: " + text); }

 private:
  const BenchPlan& plan_;
  Progress line_;
  std::string what_;
};

struct Spoken {
  FrameTimes first;
  std::vector<FrameTimes> steps;
  std::vector<std::int32_t> codes;  // of the first stream
};

Spoken speak(engine::Engine& engine, const BenchPlan& plan, int n_streams,
             BenchProgress& progress) {
  Streams streams(engine, plan, n_streams);
  Spoken spoken;
  progress.show(0);
  spoken.codes = streams.step(spoken.first);
  for (int frame = 1; frame <= plan.n_frames; ++frame) {
    progress.show(frame);
    const auto codes = streams.step(spoken.steps.emplace_back());
    spoken.codes.insert(spoken.codes.end(), codes.begin(), codes.end());
  }
  return spoken;
}

void check_room(const BenchPlan& plan, const engine::ModelFacts& facts) {
  // The last frame is not fed back.
  if (plan.n_prompt + plan.n_frames > facts.max_positions) {
    throw UsageError(str_cat("--prompt and --frames: expected at most ",
                             facts.max_positions,
                             " positions, the model's context, got ",
                             plan.n_prompt + plan.n_frames));
  }
}

// Of the instruction that the weights of this type are multiplied with.
double measure_peak(ThreadPool& pool, engine::WeightType type) {
  const Isa isa = kernels::kernel_isa();
  switch (type) {
    case engine::WeightType::kInt8:
      return kernels::dot_peak(pool, kernels::WeightType::kInt8, isa);
    case engine::WeightType::kInt4:
      return kernels::dot_peak(pool, kernels::WeightType::kInt4, isa);
    case engine::WeightType::kF32:
    case engine::WeightType::kBf16:
      break;
  }
  return kernels::fma_peak(pool, isa);
}

Repetition repeat(engine::Engine& engine, const BenchPlan& plan,
                  ThreadPool& pool, kernels::BandwidthProbe& probe,
                  BenchProgress& progress) {
  Repetition out;
  out.peak = measure_peak(pool, plan.model.weight_type);
  out.bandwidth_before = probe.measure(kProbeSeconds);
  const Spoken spoken = speak(engine, plan, plan.n_streams, progress);
  out.bandwidth_after = probe.measure(kProbeSeconds);
  out.step = middle_mean(spoken.steps);
  out.prefill = spoken.first.backbone;
  out.first_audio = spoken.first.total;
  return out;
}

std::vector<Throughput> measure_throughput(engine::Engine& engine,
                                           const BenchPlan& plan,
                                           BenchProgress& progress) {
  std::vector<Throughput> out;
  for (const int n_streams : {1, 2, 4, 8}) out.push_back({n_streams, {}});
  // The numbers of streams take turns, so that slow spells meet all of them.
  for (int i = 0; i < plan.n_repetitions; ++i) {
    for (Throughput& entry : out) {
      progress.begin(str_cat("throughput of ", entry.n_streams, " streams, ",
                             i + 1, " of ", plan.n_repetitions));
      const Spoken spoken = speak(engine, plan, entry.n_streams, progress);
      entry.step_seconds.push_back(middle_mean(spoken.steps).total);
    }
  }
  return out;
}

}  // namespace

std::vector<std::int32_t> bench_prompt(int n, int n_text_tokens) {
  constexpr std::int64_t kStride = 7919;
  constexpr std::int64_t kFirst = 17;
  std::vector<std::int32_t> ids;
  for (int i = 0; i < n; ++i) {
    ids.push_back(
        static_cast<std::int32_t>((kStride * i + kFirst) % n_text_tokens));
  }
  return ids;
}

BenchResult run_bench(const BenchPlan& plan, const std::string& save_weights) {
  BenchProgress progress(plan);
  progress.note("loading");
  const auto load_start = Clock::now();
  engine::EngineOptions options = plan.model;
  options.timed = true;
  engine::Engine engine(options);
  BenchResult result = {.facts = engine.facts(),
                        .cost = engine.cost(),
                        .isa = to_string(kernels::kernel_isa()),
                        .threads = engine.threads(),
                        .load_seconds = seconds_since(load_start),
                        .peak_memory = 0,
                        .codes_sha256 = {},
                        .repetitions = {},
                        .throughput = {}};
  check_room(plan, engine.facts());
  if (!save_weights.empty()) engine.save_random_model(save_weights);

  progress.begin("warming up");
  const Spoken warm = speak(engine, plan, plan.n_streams, progress);
  result.codes_sha256 = sha256_hex(std::as_bytes(std::span(warm.codes)));
  result.peak_memory = peak_memory();

  ThreadPool pool(result.threads);
  kernels::BandwidthProbe probe(pool, kernels::kernel_isa());
  for (int i = 0; i < plan.n_repetitions; ++i) {
    progress.begin(str_cat("repetition ", i + 1, " of ", plan.n_repetitions));
    result.repetitions.push_back(repeat(engine, plan, pool, probe, progress));
  }
  if (plan.throughput) {
    result.throughput = measure_throughput(engine, plan, progress);
  }
  return result;
}

}  // namespace csm::cli
