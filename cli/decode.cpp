#include <CLI/CLI.hpp>
#include <algorithm>
#include <cerrno>
#include <cstdint>
#include <cstring>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "cli/codes_file.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "csm/audio/audio_writer.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/engine/codec.h"
#include "csm/weights/npy.h"

namespace csm::cli {
namespace {

constexpr std::size_t kBlockFrames = 64;

struct DecodeArguments {
  ModelOptions model;
  std::string input;
  std::string output;
  int codebooks = 0;
};

/// Takes samples; false: no more are wanted.
using Sink = std::function<bool(std::span<const float>)>;

void decode_into(const Sink& sink, engine::DecodeStream& stream,
                 std::span<const std::int32_t> codes, std::size_t n_codebooks) {
  Progress progress;
  const std::size_t block = kBlockFrames * n_codebooks;
  for (std::size_t first = 0; first < codes.size(); first += block) {
    const auto part =
        codes.subspan(first, std::min(block, codes.size() - first));
    if (!sink(stream.push(part))) return;
    progress.show(str_cat("decoding: ", (first + part.size()) / n_codebooks,
                          " of ", codes.size() / n_codebooks, " frames"));
  }
}

void write_sound(const DecodeArguments& arguments,
                 const engine::ModelFacts& facts, std::int64_t n_samples,
                 const std::function<void(const Sink&)>& decode) {
  audio::AudioWriter writer(
      arguments.output, {.sample_rate = facts.sample_rate_hz,
                         .format = audio::format_from_path(arguments.output),
                         .n_samples = n_samples});
  decode(
      [&](std::span<const float> samples) { return writer.append(samples); });
  if (writer.finish().reader_gone) {
    throw Error(ErrorCode::kBackend,
                str_cat("[cli] cannot write: ", std::strerror(EPIPE), " (",
                        arguments.output, ")"));
  }
}

void write_samples(const DecodeArguments& arguments,
                   const std::function<void(const Sink&)>& decode) {
  std::vector<float> all;
  decode([&](std::span<const float> samples) {
    all.insert(all.end(), samples.begin(), samples.end());
    return true;
  });
  const std::int64_t shape[] = {static_cast<std::int64_t>(all.size())};
  weights::write_npy(arguments.output, shape, all);
}

void run_decode(const DecodeArguments& arguments) {
  const bool as_npy = arguments.output.ends_with(".npy");
  if (!as_npy) (void)audio::format_from_path(arguments.output);
  const CodesFile file = read_codes(arguments.input);
  engine::Codec codec(arguments.model.resolve(), engine::CodecPart::kDecoder);
  const engine::ModelFacts& facts = codec.facts();
  const int n_codebooks =
      arguments.codebooks > 0 ? arguments.codebooks : facts.n_codebooks;
  file.check(facts, n_codebooks);
  const std::int64_t n_samples = file.n_frames() * facts.samples_per_frame;
  engine::DecodeStream stream = codec.start_decoding(n_codebooks);
  stream.check(file.codes);
  const auto decode = [&](const Sink& sink) {
    decode_into(sink, stream, file.codes,
                static_cast<std::size_t>(n_codebooks));
  };
  if (as_npy) {
    write_samples(arguments, decode);
  } else {
    write_sound(arguments, facts, n_samples, decode);
  }
  const double seconds = static_cast<double>(n_samples) /
                         static_cast<double>(facts.sample_rate_hz);
  say(str_cat(arguments.output, ": ", file.n_frames(), " frames, ",
              fixed(seconds, 2), " s of audio"));
}

}  // namespace

void add_decode(CLI::App& app) {
  const auto arguments = std::make_shared<DecodeArguments>();
  CLI::App* command = app.add_subcommand("decode", "Sound of given codes");
  arguments->model.add_to(*command);
  command
      ->add_option("-i,--input", arguments->input,
                   "Codes as .npy, int32 [frames, codebooks], or .csmc")
      ->required();
  command
      ->add_option("-o,--output", arguments->output,
                   "Audio file (.wav, .flac, .ogg, .mp3, .opus, .pcm; .npy "
                   "for float32 samples), or - for WAV on standard output")
      ->required();
  command
      ->add_option("--codebooks", arguments->codebooks,
                   "Codebooks in the file, a prefix of the codec's (default: "
                   "as many as the language model has)")
      ->check(CLI::PositiveNumber);
  command->callback([arguments] { run_decode(*arguments); });
}

}  // namespace csm::cli
