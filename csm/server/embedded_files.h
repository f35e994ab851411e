#pragma once

#include <optional>
#include <string_view>

namespace csm::server {

/// A file of csm/server/page, or the API's description, in the program.
struct EmbeddedFile {
  std::string_view path;  ///< as a request asks for it: "/", "/page/app.js"
  std::string_view content_type;
  std::string_view bytes;
};

/// The file of a path; nothing if there is none. Generated at build time
/// (cmake/EmbedFiles.cmake).
[[nodiscard]] std::optional<EmbeddedFile> find_embedded(std::string_view path);

}  // namespace csm::server
