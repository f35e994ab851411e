#include <CLI/CLI.hpp>
#include <chrono>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "cli/codes_file.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "cli/receipt.h"
#include "csm/audio/resampled_reader.h"
#include "csm/base/atomic_file.h"
#include "csm/base/json.h"
#include "csm/base/str_cat.h"
#include "csm/engine/codec.h"

namespace csm::cli {
namespace {

struct EncodeArguments {
  ModelOptions model;
  std::string input;
  std::string output;
  int codebooks = 0;
  bool end_with_silence = false;
  bool json = false;
};

/// What encoding came to.
struct Encoded {
  std::vector<std::int32_t> codes;  // [n_frames, n_codebooks]
  int n_codebooks = 0;
  int source_rate = 0;
  int source_channels = 0;
  std::int64_t n_samples = 0;  // at the model's rate
  double seconds = 0;          // of work

  [[nodiscard]] std::size_t n_frames() const {
    return codes.size() / static_cast<std::size_t>(n_codebooks);
  }
};

Encoded encode(engine::Codec& codec, audio::ResampledReader& reader,
               const engine::EncodeOptions& options) {
  const auto start = std::chrono::steady_clock::now();
  const auto rate = static_cast<double>(codec.facts().sample_rate_hz);
  engine::EncodeStream stream = codec.start_encoding(options);
  Encoded out{.codes = {},
              .n_codebooks = stream.n_codebooks(),
              .source_rate = reader.source().sample_rate(),
              .source_channels = reader.source().n_channels()};
  const auto keep = [&](const std::vector<std::int32_t>& codes) {
    out.codes.insert(out.codes.end(), codes.begin(), codes.end());
  };
  Progress progress;
  for (auto block = reader.read(); !block.empty(); block = reader.read()) {
    keep(stream.push(block));
    out.n_samples += static_cast<std::int64_t>(block.size());
    progress.show(str_cat(
        "encoding: ", fixed(static_cast<double>(out.n_samples) / rate, 1),
        " s of audio"));
  }
  keep(stream.finish());
  out.seconds = seconds_since(start);
  return out;
}

void report(const EncodeArguments& arguments, const Encoded& encoded,
            const engine::ModelFacts& facts) {
  const double audio_seconds = static_cast<double>(encoded.n_samples) /
                               static_cast<double>(facts.sample_rate_hz);
  if (arguments.json) {
    const OrderedJson json = {{"frames", encoded.n_frames()},
                              {"codebooks", encoded.n_codebooks},
                              {"audio_ms", audio_seconds * 1000},
                              {"source_rate_hz", encoded.source_rate},
                              {"source_channels", encoded.source_channels},
                              {"rtf", encoded.seconds / audio_seconds},
                              {"codes_sha256", codes_digest(encoded.codes)}};
    write_stdout(json.dump() + "\n");
    return;
  }
  say(str_cat(arguments.output, ": ", encoded.n_frames(), " frames of ",
              encoded.n_codebooks, " codes, ", fixed(audio_seconds, 2),
              " s of audio in ", fixed(encoded.seconds, 2), " s"));
}

void run_encode(const EncodeArguments& arguments) {
  // A place that cannot be written is told now, not after hours of sound.
  { const AtomicFile place(arguments.output); }
  engine::Codec codec(arguments.model.resolve(), engine::CodecPart::kEncoder);
  const engine::ModelFacts& facts = codec.facts();
  audio::ResampledReader reader(arguments.input, facts.sample_rate_hz);
  const Encoded encoded =
      encode(codec, reader,
             {.n_codebooks = arguments.codebooks,
              .end_with_silence = arguments.end_with_silence});
  write_codes(arguments.output, facts, encoded.n_codebooks, encoded.codes);
  report(arguments, encoded, facts);
}

}  // namespace

void add_encode(CLI::App& app) {
  const auto arguments = std::make_shared<EncodeArguments>();
  CLI::App* command = app.add_subcommand("encode", "Codes of a given sound");
  arguments->model.add_to(*command);
  command
      ->add_option("-i,--input", arguments->input,
                   "Sound file of any kind, rate and number of channels that "
                   "libsndfile reads, or - for standard input")
      ->required();
  command
      ->add_option("-o,--output", arguments->output,
                   "Codes as .npy, int32 [frames, codebooks], or packed as "
                   ".csmc")
      ->required();
  command
      ->add_option("--codebooks", arguments->codebooks,
                   "The first N codebooks of the codec (default: as many as "
                   "the language model has)")
      ->check(CLI::PositiveNumber);
  command->add_flag("--end-with-silence", arguments->end_with_silence,
                    "Fill the last frame up with silence, as moshi does; "
                    "otherwise the codec ends it, as transformers does");
  command->add_flag("--json", arguments->json,
                    "One JSON object about the result on standard output");
  command->callback([arguments] { run_encode(*arguments); });
}

}  // namespace csm::cli
