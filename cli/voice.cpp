#include <CLI/CLI.hpp>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "cli/codes_file.h"
#include "cli/commands.h"
#include "cli/console.h"
#include "cli/context_options.h"
#include "cli/model_path.h"
#include "cli/voice_options.h"
#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/base/user_folders.h"
#include "csm/engine/engine.h"
#include "csm/engine/model_source.h"
#include "csm/engine/voice_file.h"

namespace csm::cli {
namespace {

namespace fs = std::filesystem;

constexpr double kFramesPerSecond = 12.5;
constexpr std::size_t kTextColumns = 40;

struct CreateArguments {
  ModelOptions model;
  VoicesFolder voices;
  std::string name;
  std::string audio;
  std::string codes;
  std::string text;
  int speaker = 0;
  bool no_cache = false;
  bool replace = false;
};

// --- create ---

void run_create(const CreateArguments& arguments) {
  if (arguments.audio.empty() == arguments.codes.empty()) {
    throw UsageError("expected either --audio or --codes");
  }
  engine::EngineOptions model = arguments.model.resolve();
  model.encoder = arguments.codes.empty();
  const fs::path path = arguments.voices.library(model.model_dir)
                            .place_for(arguments.name, arguments.replace);
  engine::Engine engine(model);
  engine::Segment segment = {
      .utterance = {.speaker = arguments.speaker, .text = arguments.text},
      .codes = model.encoder
                   ? engine.encode(read_sound(engine.facts(), arguments.audio))
                   : read_codes_for(engine.facts(), arguments.codes)};
  engine::Voice voice = engine.make_voice(segment);
  if (arguments.no_cache) voice.cache.reset();
  engine::write_voice(path, voice);
  say(str_cat(path.string(), ": ", voice.n_frames(), " frames, speaker ",
              arguments.speaker,
              voice.cache ? ", with the model's keys and values" : ""));
}

void add_create(CLI::App& voice) {
  const auto arguments = std::make_shared<CreateArguments>();
  CLI::App* command = voice.add_subcommand(
      "create", "Make a voice of a recording and what it says");
  command->add_option("name", arguments->name, "Name of the voice")->required();
  command->add_option("--audio", arguments->audio,
                      "The recording, any file that csm encode reads");
  command->add_option("--codes", arguments->codes,
                      "Instead of --audio its codes: .npy (int32 [frames, "
                      "codebooks]) or .csmc");
  command->add_option("--text", arguments->text, "What the recording says")
      ->required();
  command
      ->add_option("--speaker", arguments->speaker,
                   "Speaker number that the voice gets")
      ->capture_default_str();
  command->add_flag("--no-cache", arguments->no_cache,
                    "Leave the model's keys and values out: a smaller file, "
                    "read anew in every run");
  command->add_flag("--replace", arguments->replace,
                    "Replace a voice of that name");
  arguments->voices.add_to(*command);
  arguments->model.add_to(*command);
  command->callback([arguments] { run_create(*arguments); });
}

// --- list, show, remove ---

struct LookArguments {
  std::string model;
  VoicesFolder voices;
  std::string name;
  bool json = false;

  void add_to(CLI::App& command) {
    command.add_option("--model", model,
                       "Folder of the model (default: the demo model)");
    voices.add_to(command);
  }
};

OrderedJson describe(const engine::VoiceLibrary::Entry& entry,
                     const engine::Voice& voice) {
  OrderedJson json = {{"name", entry.name},
                      {"file", entry.path.string()},
                      {"from", entry.is_users ? "user" : "model"},
                      {"speaker", voice.segment.utterance.speaker},
                      {"text", voice.segment.utterance.text},
                      {"frames", voice.n_frames()},
                      {"seconds", voice.n_frames() / kFramesPerSecond},
                      {"codebooks", voice.n_codebooks},
                      {"codebook_size", voice.n_codec_codes},
                      {"codec_sha256", voice.codec_sha256}};
  if (voice.cache) {
    json["cache"] = {{"weights_sha256", voice.cache->key.weights_sha256},
                     {"dtype", engine::to_string(voice.cache->key.weight_type)},
                     {"positions", voice.cache->rows.n_positions}};
  }
  return json;
}

// One line; a pack that cannot be read is one, too.
std::string line_of(const engine::VoiceLibrary::Entry& entry) {
  const char* from = entry.is_users ? "user" : "model";
  try {
    const engine::Voice voice = engine::read_voice(entry.path);
    return str_cat(entry.name, "\t", from, "\tspeaker ",
                   voice.segment.utterance.speaker, "\t",
                   fixed(voice.n_frames() / kFramesPerSecond, 1), " s\t",
                   printable(voice.segment.utterance.text, kTextColumns), "\n");
  } catch (const Error& error) {
    return str_cat(entry.name, "\t", from, "\tunusable: ", error.what(), "\n");
  }
}

OrderedJson json_of(const engine::VoiceLibrary::Entry& entry) {
  try {
    return describe(entry, engine::read_voice(entry.path));
  } catch (const Error& error) {
    return {{"name", entry.name},
            {"file", entry.path.string()},
            {"from", entry.is_users ? "user" : "model"},
            {"error", error.what()}};
  }
}

void run_list(const LookArguments& arguments) {
  const auto entries =
      arguments.voices.library(resolve_model(arguments.model)).list();
  if (arguments.json) {
    OrderedJson all = OrderedJson::array();
    for (const auto& entry : entries) all.push_back(json_of(entry));
    write_stdout(all.dump() + "\n");
    return;
  }
  std::string text;
  for (const auto& entry : entries) text += line_of(entry);
  write_stdout(text);
  if (entries.empty()) say("no voices (csm voice create makes one)");
}

// Whether the cache is of these weights, as far as can be told without
// running the model.
std::string cache_state(const engine::Voice& voice, const fs::path& model) {
  if (!voice.cache) return "none";
  const std::string digest =
      engine::digest_of({.model = model}, user_cache_folder());
  return voice.cache->key.weights_sha256 == digest ? "of these weights"
                                                   : "of other weights";
}

void run_show(const LookArguments& arguments) {
  const fs::path model = resolve_model(arguments.model);
  const auto entry = arguments.voices.library(model).find(arguments.name);
  const engine::Voice voice = engine::read_voice(entry.path);
  OrderedJson json = describe(entry, voice);
  json["cache_state"] = cache_state(voice, model);
  write_stdout(json.dump(arguments.json ? -1 : 2, ' ', true) + "\n");
}

void run_remove(const LookArguments& arguments) {
  const fs::path gone = arguments.voices.library(resolve_model(arguments.model))
                            .remove(arguments.name);
  say(str_cat(gone.string(), ": removed"));
}

void add_look(CLI::App& voice, const char* name, const char* about,
              bool has_name, bool has_json, void (*run)(const LookArguments&)) {
  const auto arguments = std::make_shared<LookArguments>();
  CLI::App* command = voice.add_subcommand(name, about);
  if (has_name) {
    command->add_option("name", arguments->name, "Name of the voice")
        ->required();
  }
  if (has_json) {
    command->add_flag("--json", arguments->json, "JSON on standard output");
  }
  arguments->add_to(*command);
  command->callback([arguments, run] { run(*arguments); });
}

}  // namespace

void add_voice(CLI::App& app) {
  CLI::App* voice =
      app.add_subcommand("voice", "Voices: make, list, show and remove them");
  voice->require_subcommand(1);
  add_create(*voice);
  add_look(*voice, "list", "The voices of a model and yours", false, true,
           run_list);
  add_look(*voice, "show", "All about one voice", true, true, run_show);
  add_look(*voice, "remove", "Remove one of your voices", true, false,
           run_remove);
}

}  // namespace csm::cli
