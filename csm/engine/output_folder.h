#pragma once

#include <filesystem>
#include <functional>

namespace csm::engine {

/// A folder of a model that is to be written.
struct OutputFolder {
  std::filesystem::path path;
  std::filesystem::path source;  ///< where the model comes from
  bool replace = false;          ///< an older model in `path` goes
  /// Whether what is in a folder of files is such an older model.
  std::function<bool(const std::filesystem::path&)> is_ours;
};

/// Throws: Error{kInvalidArgument} unless `path` is free, or has nothing in it
/// or, with `replace`, only files that are ours.
void check_output(const OutputFolder& output);

/// Copies the small files that belong to a model: *.json but config.json and
/// indices, templates, vocabularies, licences.
///
/// Throws: Error{kExhausted} naming a file that cannot be copied.
void copy_others(const std::filesystem::path& from,
                 const std::filesystem::path& to);

/// Throws: Error{kExhausted} if `bytes` do not fit the disk of `folder`.
///
/// output  for the message
void require_space(const std::filesystem::path& folder, std::size_t bytes,
                   const std::filesystem::path& output);

}  // namespace csm::engine
