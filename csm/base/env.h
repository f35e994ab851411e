#pragma once

#include <optional>
#include <string>

namespace csm {

/// The value of an environment variable, or nothing if unset or empty.
///
/// The only place that reads the environment. docs/environment.md lists all
/// names.
[[nodiscard]] std::optional<std::string> read_env(const char* name);

}  // namespace csm
