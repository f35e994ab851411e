#include "cli/voice_options.h"

#include "cli/console.h"
#include "csm/base/env.h"
#include "csm/base/str_cat.h"
#include "csm/base/user_folders.h"
#include "csm/engine/voice_file.h"

namespace csm::cli {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> user_voices(const std::string& folder) {
  if (!folder.empty()) return fs::path(folder);
  if (const auto named = read_env("CSM_VOICES")) return fs::path(*named);
  const auto data = user_data_folder();
  return data ? std::optional(*data / "voices") : std::nullopt;
}

bool is_file_name(const std::string& voice) {
  return voice.find('/') != std::string::npos ||
         voice.ends_with(engine::kVoiceEnding);
}

}  // namespace

void VoicesFolder::add_to(CLI::App& command) {
  command.add_option("--voices", folder,
                     "Folder of your voices (default: $CSM_VOICES, or "
                     "csm/voices in your data folder)");
}

engine::VoiceLibrary VoicesFolder::library(const fs::path& model_dir) const {
  return {engine::ModelFiles{model_dir}.folder() / "voices",
          user_voices(folder)};
}

void VoiceOptions::add_to(CLI::App& command) {
  command.add_option("--voice", voice,
                     "Speak in this voice: a name (csm voice list) or a "
                     ".csmvoice file");
  voices.add_to(command);
}

std::optional<engine::Voice> VoiceOptions::load(
    const fs::path& model_dir) const {
  if (voice.empty()) return std::nullopt;
  return engine::read_voice(is_file_name(voice)
                                ? fs::path(voice)
                                : voices.library(model_dir).find(voice).path);
}

OrderedJson describe(const engine::VoiceUse& use) {
  return {{"from_cache", use.from_cache}, {"why_not", use.why_not}};
}

void say_voice(const std::optional<engine::VoiceUse>& use) {
  if (!use || use->from_cache) return;
  say(str_cat("csm: the model read the voice itself: ", use->why_not));
}

}  // namespace csm::cli
