#include <CLI/CLI.hpp>
#include <cstdint>
#include <memory>
#include <string>

#include "cli/codes_shape.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "csm/audio/audio_file.h"
#include "csm/base/str_cat.h"
#include "csm/engine/engine.h"
#include "csm/weights/npy.h"

namespace csm::cli {
namespace {

struct DecodeArguments {
  ModelOptions model;
  std::string input;
  std::string output;
};

void run_decode(const DecodeArguments& arguments) {
  const bool as_npy = arguments.output.ends_with(".npy");
  const auto format = as_npy || arguments.output == "-"
                          ? audio::AudioFormat::kWav
                          : audio::format_from_path(arguments.output);
  const auto codes = weights::read_npy_i32(arguments.input);
  engine::Engine engine(arguments.model.resolve());
  const engine::ModelFacts& facts = engine.facts();
  check_codes_shape(codes.shape, facts.n_codebooks, arguments.input);
  const auto samples = engine.decode(codes.data);
  if (as_npy) {
    const std::int64_t shape[] = {static_cast<std::int64_t>(samples.size())};
    weights::write_npy(arguments.output, shape, samples);
  } else {
    (void)audio::write_audio(arguments.output, samples, facts.sample_rate_hz,
                             format);
  }
  const double seconds = static_cast<double>(samples.size()) /
                         static_cast<double>(facts.sample_rate_hz);
  say(str_cat(arguments.output, ": ", codes.shape[0], " frames, ",
              fixed(seconds, 2), " s of audio"));
}

}  // namespace

void add_decode(CLI::App& app) {
  const auto arguments = std::make_shared<DecodeArguments>();
  CLI::App* command = app.add_subcommand("decode", "Sound of given codes");
  arguments->model.add_to(*command);
  command
      ->add_option("-i,--input", arguments->input,
                   "Codes as .npy, int32 [frames, codebooks]")
      ->required();
  command
      ->add_option("-o,--output", arguments->output,
                   "Audio file (.wav, .flac, .ogg, .mp3; .npy for float32 "
                   "samples), or - for WAV on standard output")
      ->required();
  command->callback([arguments] { run_decode(*arguments); });
}

}  // namespace csm::cli
