#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace csm::hub {

/// A repository of models on a hub, at some revision: OWNER/NAME[@REVISION],
/// and one file of it if the name ends in :FILE.
struct Repository {
  std::string owner;
  std::string name;
  std::string revision = "main";  ///< branch, tag, refs/pr/N or commit
  std::string file = {};          ///< empty: not said

  /// "OWNER/NAME".
  [[nodiscard]] std::string id() const { return owner + "/" + name; }
  /// As parse_repository() reads it; the revision main is left out.
  [[nodiscard]] std::string text() const;
};

/// What `text` names, or nothing if it cannot be the name of a repository.
///
/// Hugging Face's rules: letters, digits, '-', '_' and '.'; no part begins or
/// ends with '-' or '.', or has "--" or ".." in it.
[[nodiscard]] std::optional<Repository> parse_repository(std::string_view text);

/// True if `path` is a relative path of plain names: it cannot leave the folder
/// that it is appended to. Bytes below ' ', ':' and '\' are refused too.
[[nodiscard]] bool is_safe_path(std::string_view path);

/// True for a commit: 40 lower-case hexadecimal digits.
[[nodiscard]] bool is_commit(std::string_view text);

/// True if `text` is `n` lower-case hexadecimal digits.
[[nodiscard]] bool is_hex(std::string_view text, std::size_t n);

/// For a URL: everything but letters, digits, '-', '_', '.' and '~' as %XX;
/// keep_slashes leaves '/' too.
[[nodiscard]] std::string url_escape(std::string_view text, bool keep_slashes);

}  // namespace csm::hub
