#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

namespace csm::engine {

/// Whether a voice may have this name: 1 to 64 of a-z, A-Z, 0-9, '.', '_' and
/// '-', the first no '.' or '-', and not the ending of a voice pack.
[[nodiscard]] bool is_voice_name(const std::string& name);

/// Throws: Error{kInvalidArgument} unless is_voice_name().
void check_voice_name(const std::string& name);

/// The voice packs that lie in folders, by name: those that came with a model
/// and, before them, those that the user made.
class VoiceLibrary {
 public:
  struct Entry {
    std::string name;
    std::filesystem::path path;
    bool is_users = false;
  };

  /// model_voices  folder of a model's own voices, read only; need not exist
  /// user_voices   the user's; nothing if there is none
  VoiceLibrary(std::filesystem::path model_voices,
               std::optional<std::filesystem::path> user_voices);

  /// All packs by name, none hidden: a user's voice comes before a model's of
  /// the same name. Files of other names are left out.
  [[nodiscard]] std::vector<Entry> list() const;

  /// The pack that a name stands for.
  ///
  /// Throws: Error{kInvalidArgument} for what is no name; Error{kNotFound}
  /// telling which names there are.
  [[nodiscard]] Entry find(const std::string& name) const;

  /// Removes what writers that were killed have left in the user's folder.
  ///
  /// returns  how many files
  int tidy() const;

  /// Where a new voice of the user goes; its folder is made, and tidied.
  ///
  /// replace  a voice of that name may be there
  /// Throws: Error{kInvalidArgument} for a bad name, one that is taken or a
  /// folder that cannot be made; Error{kNotFound} if the user has no folder.
  [[nodiscard]] std::filesystem::path place_for(const std::string& name,
                                                bool replace) const;

  /// Removes a voice of the user, and tidies the folder.
  ///
  /// returns  the file that is gone
  /// Throws: as find(); Error{kInvalidArgument} for a model's own voice.
  std::filesystem::path remove(const std::string& name) const;

 private:
  std::filesystem::path model_voices_;
  std::optional<std::filesystem::path> user_voices_;
};

}  // namespace csm::engine
