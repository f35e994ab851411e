#pragma once

#include <filesystem>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <vector>

#include "csm/engine/voice.h"
#include "csm/engine/voice_library.h"
#include "csm/server/api_error.h"

namespace csm::server {

/// Whom a stream speaks as.
struct ChosenVoice {
  int speaker = 0;
  std::shared_ptr<const engine::Voice> pack;  ///< none: the bare speaker
};

/// The voices that requests may name: the speakers of the model, "speaker-0"
/// and so on, voice packs, and OpenAI's names, which stand for a speaker unless
/// a pack has the name.
///
/// Threads: any.
class VoiceShelf {
 public:
  explicit VoiceShelf(engine::VoiceLibrary library)
      : library_(std::move(library)) {}

  /// The voice of a name; empty: speaker 0. Reads a file.
  ///
  /// Throws: RequestError{voice_not_found}; Error if the pack is damaged.
  [[nodiscard]] ChosenVoice choose(const std::string& name);

  /// The voice of a name that needs no file; nothing if it might.
  [[nodiscard]] static std::optional<ChosenVoice> choose_speaker(
      const std::string& name);

  /// All as clients read them: {"object": "list", "voices": [...], "data":
  /// [...]}.
  [[nodiscard]] OrderedJson list();
  /// One; nothing if there is none.
  [[nodiscard]] std::optional<OrderedJson> describe(const std::string& name);

  /// Throws: RequestError if a voice must not get the name.
  void check_new(const std::string& name, bool replace);
  /// Keeps a voice. Throws: as check_new, engine::write_voice.
  void put(const std::string& name, const engine::Voice& voice, bool replace);
  /// Throws: RequestError if there is no such voice, or it is the model's.
  void remove(const std::string& name);

  /// Voices of the user that are kept at most.
  static constexpr std::size_t kMaxUserVoices = 1000;

 private:
  struct Loaded {
    std::filesystem::file_time_type written;
    std::shared_ptr<const engine::Voice> voice;
  };

  [[nodiscard]] std::shared_ptr<const engine::Voice> load(
      const engine::VoiceLibrary::Entry& entry);
  [[nodiscard]] OrderedJson describe_pack(
      const engine::VoiceLibrary::Entry& entry);

  engine::VoiceLibrary library_;
  std::mutex mutex_;  // guards loaded_
  std::map<std::filesystem::path, Loaded> loaded_;
};

}  // namespace csm::server
