#include <CLI/CLI.hpp>
#include <charconv>
#include <cstdint>
#include <memory>
#include <random>
#include <string>
#include <system_error>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "cli/receipt.h"
#include "cli/speech.h"
#include "cli/text_source.h"
#include "csm/audio/audio_file.h"
#include "csm/base/json.h"
#include "csm/base/str_cat.h"
#include "csm/engine/engine.h"
#include "csm/weights/npy.h"

namespace csm::cli {
namespace {

struct GenerateArguments {
  ModelOptions model;
  TextSource source;
  std::string output;
  std::string tokens_out;
  std::string receipt;
  bool json = false;
  std::string seed;  // empty: a new one
  float temperature = engine::GenerationOptions{}.temperature;
  int top_k = engine::GenerationOptions{}.top_k;
  bool greedy = false;
  std::string rng = "torch-cpu";
  std::string sampler = "torch-f32";
  std::string codec_safety = "mask-invalid";
  int max_audio_ms = 90000;
};

void add_sampling_options(CLI::App& command, GenerateArguments& arguments) {
  command
      .add_option("--temperature", arguments.temperature, "Divides the logits")
      ->capture_default_str();
  command
      .add_option("--top-k", arguments.top_k,
                  "Most probable codes that stay in the draw")
      ->capture_default_str();
  command.add_option("--seed", arguments.seed,
                     "Same seed, same speech (default: a new one)");
  command.add_flag("--greedy", arguments.greedy,
                   "Always the most probable code");
  command
      .add_option("--rng", arguments.rng,
                  "Random numbers of torch-cpu, torch-cpu-mkl or torch-cuda")
      ->capture_default_str();
  command
      .add_option("--sampler", arguments.sampler,
                  "Arithmetic of torch-f32 or torch-bf16")
      ->capture_default_str();
  command
      .add_option("--codec-safety", arguments.codec_safety,
                  "mask-invalid, torch or legacy-range")
      ->capture_default_str();
  command
      .add_option("--max-audio-ms", arguments.max_audio_ms,
                  "Longest audio in milliseconds")
      ->capture_default_str();
}

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

engine::GenerationOptions generation_options(
    const GenerateArguments& arguments) {
  engine::GenerationOptions options;
  options.seed =
      arguments.seed.empty() ? random_seed() : parse_seed(arguments.seed);
  options.temperature = arguments.temperature;
  options.top_k = arguments.top_k;
  options.greedy = arguments.greedy;
  options.max_audio_ms = arguments.max_audio_ms;
  options.rng =
      known("--rng", sampling::parse_rng(arguments.rng), arguments.rng);
  options.sampler =
      known("--sampler", sampling::parse_sampler_kind(arguments.sampler),
            arguments.sampler);
  options.codec_safety = known(
      "--codec-safety", sampling::parse_codec_safety(arguments.codec_safety),
      arguments.codec_safety);
  return options;
}

void check_outputs(const GenerateArguments& arguments) {
  if (arguments.output.empty() && arguments.tokens_out.empty() &&
      arguments.receipt.empty() && !arguments.json) {
    throw UsageError("expected --output, --tokens-out, --receipt or --json");
  }
  if (arguments.output == "-" && arguments.json) {
    throw UsageError("--output - and --json both write to standard output");
  }
  if (!arguments.output.empty() && arguments.output != "-") {
    (void)audio::format_from_path(arguments.output);
  }
}

OrderedJson describe(const Speech& speech, std::uint64_t seed) {
  const double per_frame =
      speech.n_frames > 1 ? speech.times.frames / (speech.n_frames - 1) : 0;
  return {{"seed", seed},
          {"frames", speech.n_frames},
          {"audio_ms", speech.audio_seconds() * 1000},
          {"stop_reason", engine::to_string(speech.stop_reason)},
          {"rtf", speech.real_time_factor()},
          {"codes_sha256", codes_digest(speech.codes)},
          {"invalid_codes", speech.n_invalid_codes},
          {"codes_changed_by_safety", speech.n_changed_codes},
          {"prompt_positions", speech.prompt_positions},
          {"ms",
           {{"load", speech.load_seconds * 1000},
            {"prefill", speech.times.prefill * 1000},
            {"first_audio", speech.times.first_audio * 1000},
            {"frame_mean", per_frame * 1000},
            {"total", speech.seconds * 1000}}}};
}

void write_results(const GenerateArguments& arguments, const Speech& speech) {
  const engine::ModelFacts& facts = speech.facts;
  if (!arguments.tokens_out.empty()) {
    const std::int64_t shape[] = {speech.n_frames, facts.n_codebooks};
    weights::write_npy(arguments.tokens_out, shape, speech.codes);
  }
  if (!arguments.output.empty()) {
    const auto format = arguments.output == "-"
                            ? audio::AudioFormat::kWav
                            : audio::format_from_path(arguments.output);
    const auto written = audio::write_audio(arguments.output, speech.audio,
                                            facts.sample_rate_hz, format);
    if (written.n_clipped > 0) {
      say(str_cat("csm: ", written.n_clipped,
                  " samples were beyond full scale and are clipped"));
    }
  }
}

void report(const GenerateArguments& arguments, const Speech& speech,
            std::uint64_t seed) {
  if (speech.n_invalid_codes > 0) {
    say(str_cat("csm: ", speech.n_invalid_codes,
                " codes have no entry in the codec and are silent"));
  }
  if (arguments.json) {
    write_stdout(describe(speech, seed).dump() + "\n");
    return;
  }
  const std::string where = arguments.output.empty() || arguments.output == "-"
                                ? std::string()
                                : arguments.output + ": ";
  say(str_cat(where, speech.n_frames, " frames, ",
              fixed(speech.audio_seconds(), 2), " s of audio in ",
              fixed(speech.seconds, 2), " s (real-time factor ",
              fixed(speech.real_time_factor(), 2), "), seed ", seed,
              ", ended by ", engine::to_string(speech.stop_reason)));
}

void run_generate(const GenerateArguments& arguments) {
  check_outputs(arguments);
  const engine::Utterance utterance = arguments.source.read();
  const engine::GenerationOptions options = generation_options(arguments);

  const engine::EngineOptions model = arguments.model.resolve();

  const Speech speech = speak(model, utterance, options);
  write_results(arguments, speech);
  if (!arguments.receipt.empty()) {
    write_receipt(arguments.receipt,
                  make_receipt(model, utterance, options, speech));
  }
  report(arguments, speech, options.seed);
}

}  // namespace

void add_generate(CLI::App& app) {
  const auto arguments = std::make_shared<GenerateArguments>();
  CLI::App* command = app.add_subcommand("generate", "Speak a text");
  arguments->source.add_to(*command);
  arguments->model.add_to(*command);
  command->add_option("-o,--output", arguments->output,
                      "Audio file (.wav, .flac, .ogg, .mp3), or - for WAV on "
                      "standard output");
  command->add_option("--tokens-out", arguments->tokens_out,
                      "Codes as .npy, int32 [frames, codebooks]");
  command->add_option("--receipt", arguments->receipt,
                      "What csm replay needs to verify this speech, as .json");
  command->add_flag("--json", arguments->json,
                    "One JSON object about the result on standard output");
  add_sampling_options(*command, *arguments);
  command->callback([arguments] { run_generate(*arguments); });
}

}  // namespace csm::cli
