#pragma once

#include <filesystem>
#include <optional>

namespace csm::weights {

/// The file of a Mimi codec that is stored apart from a model.
///
/// wanted  file, or folder with one, that the user names; may be empty
/// beside  folder to look into without; a file in it counts if it is
///         safetensors with the names of Mimi alone, Hugging Face's or kyutai's
/// returns a path for Checkpoint::open; nothing if none was wanted or found
/// Throws: Error{kNotFound} if what is wanted is not there or a folder without
/// such a file; Error{kInvalidArgument} if there are several; if there is none,
/// what is wrong with a file that cannot be opened.
[[nodiscard]] std::optional<std::filesystem::path> find_mimi(
    const std::filesystem::path& wanted, const std::filesystem::path& beside);

}  // namespace csm::weights
