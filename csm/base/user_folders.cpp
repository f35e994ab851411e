#include "csm/base/user_folders.h"

#include "csm/base/env.h"

namespace csm {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> absolute_path(const char* variable) {
  const auto value = read_env(variable);
  if (!value || !fs::path(*value).is_absolute()) return std::nullopt;
  return fs::path(*value);
}

std::optional<fs::path> user_folder(const char* variable,
                                    const char* below_home) {
  if (const auto base = absolute_path(variable)) return *base / "csm";
  if (const auto home = absolute_path("HOME")) {
    return *home / below_home / "csm";
  }
  return std::nullopt;
}

}  // namespace

std::optional<fs::path> user_data_folder() {
  return user_folder("XDG_DATA_HOME", ".local/share");
}

std::optional<fs::path> user_cache_folder() {
  return user_folder("XDG_CACHE_HOME", ".cache");
}

}  // namespace csm
