#include "cli/sampling_options.h"

#include <charconv>
#include <cstdint>
#include <random>
#include <system_error>

#include "cli/console.h"
#include "csm/base/str_cat.h"

namespace csm::cli {
namespace {

std::uint64_t random_seed() {
  // 32 bits, because torch's CPU generator uses no more.
  std::random_device device;
  return device();
}

// As torch.manual_seed: 0 to 2^64 - 1, or negative in two's complement.
std::uint64_t parse_seed(const std::string& text) {
  const char* end = text.data() + text.size();
  std::uint64_t seed = 0;
  if (text.starts_with('-')) {
    std::int64_t negative = 0;
    const auto read = std::from_chars(text.data(), end, negative);
    if (read.ec == std::errc() && read.ptr == end) {
      return static_cast<std::uint64_t>(negative);
    }
  } else {
    const auto read = std::from_chars(text.data(), end, seed);
    if (read.ec == std::errc() && read.ptr == end) return seed;
  }
  throw UsageError(
      str_cat("--seed: expected an integer of 64 bits, got '", text, "'"));
}

}  // namespace

void SamplingOptions::add_to(CLI::App& command) {
  command.add_option("--temperature", temperature, "Divides the logits")
      ->capture_default_str();
  command
      .add_option("--top-k", top_k, "Most probable codes that stay in the draw")
      ->capture_default_str();
  command.add_option("--seed", seed,
                     "Same seed, same speech (default: a new one)");
  command.add_flag("--greedy", greedy, "Always the most probable code");
  command
      .add_option("--rng", rng,
                  "Random numbers of torch-cpu, torch-cpu-mkl or torch-cuda")
      ->capture_default_str();
  command
      .add_option("--sampler", sampler, "Arithmetic of torch-f32 or torch-bf16")
      ->capture_default_str();
  command
      .add_option("--codec-safety", codec_safety,
                  "mask-invalid, torch or legacy-range")
      ->capture_default_str();
  command
      .add_option("--max-audio-ms", max_audio_ms,
                  "Longest audio in milliseconds, of a turn or chunk if there "
                  "are several")
      ->capture_default_str();
}

engine::GenerationOptions SamplingOptions::generation_options() const {
  engine::GenerationOptions options;
  options.seed = seed.empty() ? random_seed() : parse_seed(seed);
  options.temperature = temperature;
  options.top_k = top_k;
  options.greedy = greedy;
  options.max_audio_ms = max_audio_ms;
  options.rng = known("--rng", csm::sampling::parse_rng(rng), rng);
  options.sampler =
      known("--sampler", csm::sampling::parse_sampler_kind(sampler), sampler);
  options.codec_safety =
      known("--codec-safety", csm::sampling::parse_codec_safety(codec_safety),
            codec_safety);
  return options;
}

}  // namespace csm::cli
