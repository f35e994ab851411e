#include <CLI/CLI.hpp>
#include <algorithm>
#include <csignal>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <optional>
#include <string>
#include <utility>

#include "cli/codes_file.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/context_options.h"
#include "cli/interrupt.h"
#include "cli/live_output.h"
#include "cli/model_path.h"
#include "cli/narration.h"
#include "cli/reading_plan.h"
#include "cli/receipt.h"
#include "cli/resume_options.h"
#include "cli/sampling_options.h"
#include "cli/speech.h"
#include "cli/tail_guard_options.h"
#include "cli/text_source.h"
#include "cli/voice_options.h"
#include "csm/audio/audio_file.h"
#include "csm/base/json.h"
#include "csm/base/str_cat.h"
#include "csm/engine/engine.h"

namespace csm::cli {
namespace {

struct GenerateArguments {
  ModelOptions model;
  TextSource source;
  ReadingOptions reading;
  ContextOptions context;
  SoundOptions sound;
  std::string tokens_out;
  std::string receipt;
  bool json = false;
  SamplingOptions sampling;
  VoiceOptions voice;
  ResumeOptions resume;
  TailGuardOptions tail_guard;
};

void check_outputs(const GenerateArguments& arguments) {
  if (arguments.sound.output.empty() && arguments.reading.output_dir.empty() &&
      arguments.tokens_out.empty() && arguments.receipt.empty() &&
      !arguments.json && !arguments.sound.play) {
    throw UsageError(
        "expected --output, --output-dir, --play, --tokens-out, --receipt or "
        "--json");
  }
  if (!arguments.reading.output_dir.empty() && arguments.sound.live()) {
    throw UsageError("--output-dir goes with neither --stream nor --play");
  }
  if (arguments.sound.output == "-" && arguments.json) {
    throw UsageError("--output - and --json both write to standard output");
  }
  arguments.sound.validate();
}

// What only some requests have.
void describe_extras(const Speech& speech, OrderedJson& json) {
  if (speech.voice_use) json["voice"] = describe(*speech.voice_use);
  if (speech.n_context > 0 || speech.forgotten.n_segments > 0) {
    json["context_segments"] = speech.n_context;
    json["dropped_segments"] = speech.forgotten.n_segments;
    json["dropped_positions"] = speech.forgotten.n_positions;
  }
  if (speech.n_resumed > 0) json["resumed_frames"] = speech.n_resumed;
  if (!speech.tail_attempts.empty()) {
    json["tail_guard"] = describe(speech.tail_attempts);
  }
}

void describe_live(const LiveOutput& live, double first_output_seconds,
                   OrderedJson& json) {
  json["ms"]["first_output"] = first_output_seconds * 1000;
  if (const auto& playback = live.playback()) {
    json["playback"] = {{"samples", playback->n_played},
                        {"underruns", playback->n_underruns},
                        {"missing_samples", playback->n_missing}};
  }
}

OrderedJson describe(const Speech& speech, const LiveOutput* live) {
  const double per_frame =
      speech.n_frames > 1 ? speech.times.frames / (speech.n_frames - 1) : 0;
  OrderedJson json = speech.totals().json(speech.codes);
  json["prompt_positions"] = speech.prompt_positions;
  json["known_positions"] = speech.known_positions;
  json["ms"] = {{"load", speech.load_seconds * 1000},
                {"prefill", speech.times.prefill * 1000},
                {"first_audio", speech.times.first_audio * 1000},
                {"frame_mean", per_frame * 1000},
                {"total", speech.seconds * 1000}};
  if (live != nullptr) describe_live(*live, speech.first_output_seconds, json);
  describe_extras(speech, json);
  return json;
}

void say_clipped(std::int64_t n_clipped) {
  if (n_clipped == 0) return;
  say(str_cat("csm: ", n_clipped,
              " samples were beyond full scale and are clipped"));
}

void write_results(const GenerateArguments& arguments, const Speech& speech) {
  const engine::ModelFacts& facts = speech.facts;
  if (!arguments.tokens_out.empty()) {
    write_codes(arguments.tokens_out, facts, facts.n_codebooks, speech.codes);
  }
  if (!arguments.sound.output.empty() && !arguments.sound.live()) {
    const auto written = audio::write_audio(arguments.sound.output,
                                            speech.audio, facts.sample_rate_hz,
                                            arguments.sound.audio_format());
    say_clipped(written.n_clipped);
  }
}

// How the sound left.
std::string live_words(const LiveOutput& live, double first_output_seconds) {
  std::string words = str_cat(", first audio after ",
                              fixed(first_output_seconds * 1000, 0), " ms");
  if (const auto& playback = live.playback()) {
    words += str_cat(", ", playback->n_underruns, " underruns");
  }
  return words;
}

// The output's name, to stand before what it holds.
std::string place(const GenerateArguments& arguments) {
  const std::string& output = arguments.sound.output;
  return output.empty() || output == "-" ? std::string() : output + ": ";
}

void say_forgotten(const engine::Forgotten& forgotten) {
  if (forgotten.n_segments == 0) return;
  say(str_cat("csm: the context was full: ", forgotten.n_segments,
              " earlier segments (", forgotten.n_positions,
              " positions) were dropped from it"));
}

void report(const GenerateArguments& arguments, const Speech& speech,
            const LiveOutput* live) {
  say_voice(speech.voice_use);
  say_attempts(speech.tail_attempts, speech.seed);
  say_forgotten(speech.forgotten);
  if (speech.n_invalid_codes > 0) {
    say(str_cat("csm: ", speech.n_invalid_codes,
                " codes have no entry in the codec and are silent"));
  }
  if (arguments.json) {
    write_stdout(describe(speech, live).dump() + "\n");
    return;
  }
  say(str_cat(
      place(arguments), speech.totals().words(),
      live != nullptr ? live_words(*live, speech.first_output_seconds) : ""));
}

// What is said; a text by the voice's own speaker number, unless another is
// asked for.
ReadingPlan make_plan(const GenerateArguments& arguments,
                      const SpeechExtras& extras) {
  ReadingPlan plan = arguments.reading.plan(arguments.source);
  if (extras.voice && !plan.is_conversation &&
      !arguments.source.has_speaker()) {
    for (Piece& piece : plan.pieces) {
      piece.utterance.speaker = extras.voice->segment.utterance.speaker;
    }
  }
  return plan;
}

SpeechExtras load_extras(const GenerateArguments& arguments,
                         const std::filesystem::path& model_dir) {
  SpeechExtras extras = {.voice = arguments.voice.load(model_dir),
                         .context = arguments.context.turns(),
                         .max_context = {},
                         .resumption = arguments.resume.load(),
                         .tail_retries = arguments.tail_guard.retries()};
  if (extras.resumption && extras.tail_retries) {
    throw UsageError("--resume-from and --tail-guard exclude each other");
  }
  if (arguments.sound.live() && extras.tail_retries) {
    throw UsageError(
        "--tail-guard goes with neither --stream nor --play: what was heard "
        "cannot be spoken again");
  }
  if (!arguments.receipt.empty() &&
      (extras.voice || extras.resumption || !extras.context.empty())) {
    throw UsageError(
        "--receipt does not go with --voice, --context-audio or --resume-from: "
        "csm replay could not say it again");
  }
  return extras;
}

// What was heard so far is a whole file, also if the user stopped it.
void finish_live(LiveOutput* live, bool any_sound) {
  if (live == nullptr) return;
  if (any_sound && !live->reader_gone()) live->finish();
  if (live->reader_gone()) throw QuietExit::of_signal(SIGPIPE);
  say_clipped(live->n_clipped());
}

// Sound that does not leave at once is written as a whole or not at all.
void check_not_interrupted() {
  if (interrupt_signal() == 0) return;
  say("csm: interrupted, nothing was written");
  throw QuietExit::of_signal(interrupt_signal());
}

void speak_plan(const GenerateArguments& arguments,
                const engine::EngineOptions& model, const ReadingPlan& plan,
                const engine::GenerationOptions& options,
                const SpeechExtras& extras) {
  if (extras.resumption || !arguments.receipt.empty()) {
    throw UsageError(
        "--receipt and --resume-from go with one utterance only, neither with "
        "a conversation nor with a text that is cut into chunks");
  }
  std::optional<LiveOutput> held;
  NarrationOutput output{.whole = extras.live,
                         .turn_folder = arguments.reading.output_dir};
  if (extras.live == nullptr && !arguments.sound.output.empty()) {
    output.whole = &held.emplace(arguments.sound);
  }
  const Narration narration = narrate(
      model, plan, options, arguments.reading.max_chunk_ms, extras, output);
  if (extras.live == nullptr) check_not_interrupted();
  finish_live(output.whole, narration.n_samples > 0);
  say_clipped(narration.n_clipped);
  if (!arguments.tokens_out.empty()) {
    write_codes(arguments.tokens_out, narration.facts,
                narration.facts.n_codebooks, narration.codes);
  }
  say_voice(narration.voice_use());
  for (const SpokenPiece& piece : narration.pieces) {
    say_attempts(piece.speech.tail_attempts, piece.speech.seed);
  }
  say_forgotten(narration.forgotten());
  if (arguments.json) {
    OrderedJson json = describe(narration);
    if (extras.live != nullptr)
      describe_live(*extras.live, narration.first_output_seconds, json);
    write_stdout(json.dump() + "\n");
  } else {
    say(place(arguments) + summary(narration) +
        (extras.live != nullptr
             ? live_words(*extras.live, narration.first_output_seconds)
             : ""));
  }
}

void speak_single(const GenerateArguments& arguments,
                  const engine::EngineOptions& model,
                  const engine::Utterance& utterance,
                  engine::GenerationOptions options,
                  const SpeechExtras& extras) {
  const Speech speech = speak(model, utterance, options, extras);
  finish_live(extras.live, speech.n_frames > 0);
  options.seed = speech.seed;
  if (extras.live == nullptr) check_not_interrupted();
  write_results(arguments, speech);
  if (!arguments.receipt.empty()) {
    write_receipt(arguments.receipt,
                  make_receipt(model, utterance, options, speech));
  }
  report(arguments, speech, extras.live);
}

bool any_sound(const SpeechExtras& extras, const ReadingPlan& plan) {
  return std::any_of(
             extras.context.begin(), extras.context.end(),
             [](const RecordedTurn& turn) { return is_sound(turn.file); }) ||
         std::any_of(
             plan.pieces.begin(), plan.pieces.end(), [](const Piece& piece) {
               return !piece.recording.empty() && is_sound(piece.recording);
             });
}

void run_generate(const GenerateArguments& arguments) {
  check_outputs(arguments);
  const engine::GenerationOptions options =
      arguments.sampling.generation_options();
  engine::EngineOptions model = arguments.model.resolve();
  SpeechExtras extras = load_extras(arguments, model.model_dir);
  const ReadingPlan plan = make_plan(arguments, extras);
  extras.max_context = arguments.reading.context_limit(plan);
  model.encoder = any_sound(extras, plan);

  const InterruptGuard guard;
  std::optional<LiveOutput> output;
  if (arguments.sound.live()) extras.live = &output.emplace(arguments.sound);
  if (plan.is_single()) {
    speak_single(arguments, model, plan.pieces.front().utterance, options,
                 extras);
  } else {
    speak_plan(arguments, model, plan, options, extras);
  }
  if (interrupt_signal() != 0) throw QuietExit::of_signal(interrupt_signal());
}

}  // namespace

void add_generate(CLI::App& app) {
  const auto arguments = std::make_shared<GenerateArguments>();
  CLI::App* command = app.add_subcommand("generate", "Speak a text");
  arguments->source.add_to(*command);
  arguments->reading.add_to(*command);
  arguments->context.add_to(*command);
  arguments->model.add_to(*command);
  arguments->sound.add_to(*command);
  command->add_option("--tokens-out", arguments->tokens_out,
                      "Codes as .npy, int32 [frames, codebooks], or packed as "
                      ".csmc");
  command->add_option("--receipt", arguments->receipt,
                      "What csm replay needs to verify this speech, as .json");
  command->add_flag("--json", arguments->json,
                    "One JSON object about the result on standard output");
  arguments->sampling.add_to(*command);
  arguments->voice.add_to(*command);
  arguments->resume.add_to(*command);
  arguments->tail_guard.add_to(*command);
  command->callback([arguments] { run_generate(*arguments); });
}

}  // namespace csm::cli
