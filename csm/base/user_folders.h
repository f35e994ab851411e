#pragma once

#include <filesystem>
#include <optional>

namespace csm {

/// Where this user's own data of csm live: $XDG_DATA_HOME/csm, else
/// ~/.local/share/csm; nothing if neither is known. It need not exist.
///
/// As the XDG base directory specification asks, relative paths do not count.
[[nodiscard]] std::optional<std::filesystem::path> user_data_folder();

/// The same for files that can be made again: $XDG_CACHE_HOME/csm, else
/// ~/.cache/csm.
[[nodiscard]] std::optional<std::filesystem::path> user_cache_folder();

}  // namespace csm
