#pragma once

#include <filesystem>
#include <optional>
#include <set>
#include <string>

namespace csm::weights {

/// SHA-256 over the files of a model: everything that its speech depends on.
///
/// Throws: as MappedFile.
[[nodiscard]] std::string model_digest(
    const std::set<std::filesystem::path>& files);

/// The same, kept in `folder` so that gigabytes are read once and not for each
/// run. What was kept is used only while every file has the device, inode,
/// size, and times of modification and change to the nanosecond that it had;
/// files that changed within the last seconds are not kept.
///
/// folder  made when needed; nothing or one that cannot be written: the files
///         are read
/// Throws: as model_digest().
[[nodiscard]] std::string kept_model_digest(
    const std::set<std::filesystem::path>& files,
    const std::optional<std::filesystem::path>& folder);

}  // namespace csm::weights
