#pragma once

#include <filesystem>
#include <optional>
#include <string>

namespace csm::hub {

/// Where models come from and where they are kept, by the same environment
/// variables as Python's huggingface_hub.
struct Settings {
  std::string endpoint =
      "https://huggingface.co";  ///< HF_ENDPOINT, no '/' last
  std::string token = {};        ///< HF_TOKEN, else of its file; empty: none
  /// HF_HUB_CACHE, else HF_HOME/hub, else $XDG_CACHE_HOME/huggingface/hub, else
  /// ~/.cache/huggingface/hub; empty if none of them is known.
  std::filesystem::path cache = {};
  bool offline = false;  ///< HF_HUB_OFFLINE or TRANSFORMERS_OFFLINE
};

/// Reads the environment. For main programs.
///
/// Throws: Error{kInvalidArgument} if the endpoint or the token is malformed.
[[nodiscard]] Settings settings_from_environment();

/// `url` without the slashes at its end.
///
/// Throws: Error{kInvalidArgument} naming `source` unless it is an http or
/// https URL of printable ASCII without spaces, a user's name or a query.
[[nodiscard]] std::string checked_endpoint(std::string url,
                                           const std::string& source);

}  // namespace csm::hub
