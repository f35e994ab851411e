#include "csm/engine/voice_library.h"

#include <algorithm>
#include <string_view>
#include <system_error>
#include <utility>

#include "csm/base/atomic_file.h"
#include "csm/base/error.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/engine/voice_file.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kMaxNameBytes = 64;
constexpr std::string_view kNameCharacters =
    "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-";

[[noreturn]] void invalid(const std::string& message) {
  throw Error(ErrorCode::kInvalidArgument, "[engine.voices] " + message);
}

fs::path file_in(const fs::path& folder, const std::string& name) {
  return folder / (name + kVoiceEnding);
}

bool is_file(const fs::path& path) {
  std::error_code failed;
  return fs::is_regular_file(path, failed);
}

void add_files(const fs::path& folder, bool is_users,
               std::vector<VoiceLibrary::Entry>& out) {
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    const fs::path& path = at->path();
    const std::string name = path.stem().string();
    if (path.extension() == kVoiceEnding && is_voice_name(name) &&
        is_file(path)) {
      out.push_back({.name = name, .path = path, .is_users = is_users});
    }
  }
}

}  // namespace

bool is_voice_name(const std::string& name) {
  return !name.empty() && name.size() <= kMaxNameBytes && name[0] != '.' &&
         name[0] != '-' && !name.ends_with(kVoiceEnding) &&
         name.find_first_not_of(kNameCharacters) == std::string::npos;
}

void check_voice_name(const std::string& name) {
  if (is_voice_name(name)) return;
  invalid(str_cat("expected a name of 1 to ", kMaxNameBytes,
                  " letters, digits, '.', '_' and '-' that begins with no '.' "
                  "or '-', got '",
                  printable(name), "' (voice)"));
}

VoiceLibrary::VoiceLibrary(fs::path model_voices,
                           std::optional<fs::path> user_voices)
    : model_voices_(std::move(model_voices)),
      user_voices_(std::move(user_voices)) {}

std::vector<VoiceLibrary::Entry> VoiceLibrary::list() const {
  std::vector<Entry> entries;
  if (user_voices_) add_files(*user_voices_, true, entries);
  add_files(model_voices_, false, entries);
  std::stable_sort(
      entries.begin(), entries.end(),
      [](const Entry& a, const Entry& b) { return a.name < b.name; });
  return entries;
}

VoiceLibrary::Entry VoiceLibrary::find(const std::string& name) const {
  check_voice_name(name);
  if (user_voices_ && is_file(file_in(*user_voices_, name))) {
    return {
        .name = name, .path = file_in(*user_voices_, name), .is_users = true};
  }
  if (is_file(file_in(model_voices_, name))) {
    return {
        .name = name, .path = file_in(model_voices_, name), .is_users = false};
  }
  std::string names;
  for (const Entry& entry : list()) {
    names += (names.empty() ? "" : ", ") + entry.name;
  }
  throw Error(ErrorCode::kNotFound,
              str_cat("[engine.voices] expected one of the voices ",
                      names.empty() ? "(there are none)" : names, ", got '",
                      name, "' (voice)"));
}

int VoiceLibrary::tidy() const {
  return user_voices_ ? remove_abandoned_files(*user_voices_, kVoiceEnding) : 0;
}

fs::path VoiceLibrary::place_for(const std::string& name, bool replace) const {
  check_voice_name(name);
  if (!user_voices_) {
    throw Error(ErrorCode::kNotFound,
                "[engine.voices] expected a folder for voices: HOME, "
                "XDG_DATA_HOME or CSM_VOICES, got none");
  }
  std::error_code failed;
  fs::create_directories(*user_voices_, failed);
  if (failed) {
    invalid(str_cat("cannot make the folder: ", failed.message(), " (",
                    user_voices_->string(), ")"));
  }
  (void)tidy();
  fs::path path = file_in(*user_voices_, name);
  if (!replace && fs::exists(fs::symlink_status(path, failed))) {
    invalid(str_cat("expected a new name, got '", name, "', which is taken (",
                    path.string(), ")"));
  }
  return path;
}

fs::path VoiceLibrary::remove(const std::string& name) const {
  const Entry entry = find(name);
  if (!entry.is_users) {
    invalid(
        str_cat("expected a voice that was made here, got one of the "
                "model (",
                entry.path.string(), ")"));
  }
  (void)tidy();
  std::error_code failed;
  if (!fs::remove(entry.path, failed)) {
    invalid(str_cat("cannot remove: ", failed.message(), " (",
                    entry.path.string(), ")"));
  }
  return entry.path;
}

}  // namespace csm::engine
