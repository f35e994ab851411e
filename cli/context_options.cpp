#include "cli/context_options.h"

#include <algorithm>
#include <cstddef>
#include <filesystem>
#include <utility>

#include "cli/codes_file.h"
#include "cli/console.h"
#include "csm/audio/resampled_reader.h"
#include "csm/base/str_cat.h"

namespace csm::cli {
namespace {

constexpr int kMaxSpeaker = 999999;

}  // namespace

std::vector<float> read_sound(const engine::ModelFacts& facts,
                              const std::string& file) {
  return audio::read_audio_at(
      file, facts.sample_rate_hz,
      {.samples = static_cast<std::size_t>(facts.max_positions) *
                  static_cast<std::size_t>(facts.samples_per_frame),
       .why = ", the model's context"});
}

bool is_sound(const std::string& file) {
  const std::string suffix = std::filesystem::path(file).extension().string();
  return suffix != ".npy" && suffix != ".csmc";
}

Recording read_recording(engine::Engine& engine, const RecordedTurn& turn) {
  const engine::ModelFacts& facts = engine.facts();
  if (!is_sound(turn.file)) {
    return {.codes = read_codes_for(facts, turn.file), .audio = {}};
  }
  Recording recording{.codes = {}, .audio = read_sound(facts, turn.file)};
  recording.codes = engine.encode(recording.audio);
  return recording;
}

void ContextOptions::add_to(CLI::App& command) {
  command
      .add_option("--context-text", texts,
                  "Text of something said before; give the three --context "
                  "options once for each such segment, in order")
      ->allow_extra_args(false);
  command.add_option("--context-speaker", speakers, "Number of its speaker")
      ->allow_extra_args(false)
      ->check(CLI::Range(0, kMaxSpeaker));
  command
      .add_option("--context-audio", files,
                  "Its sound, or its codes as .npy or .csmc")
      ->allow_extra_args(false);
}

std::vector<RecordedTurn> ContextOptions::turns() const {
  const std::size_t n_turns =
      std::max({texts.size(), speakers.size(), files.size()});
  const std::pair<const char*, std::size_t> lists[] = {
      {"--context-text", texts.size()},
      {"--context-speaker", speakers.size()},
      {"--context-audio", files.size()}};
  for (const auto& [name, size] : lists) {
    if (size == n_turns) continue;
    throw UsageError(str_cat(name, ": expected ", n_turns,
                             ", one for each segment of the context, got ",
                             size));
  }
  std::vector<RecordedTurn> turns;
  for (std::size_t i = 0; i < n_turns; ++i) {
    turns.push_back({.utterance = {.speaker = speakers[i], .text = texts[i]},
                     .file = files[i]});
  }
  return turns;
}

}  // namespace csm::cli
