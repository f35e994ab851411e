#pragma once

#include <string>
#include <vector>

namespace csm::engine {

/// What computes on this machine, as MLX sees it.
struct Backend {
  std::string mlx_version;
  /// Names of the graphics processors that this build of MLX can use.
  std::vector<std::string> gpus;
};

/// Threads: any.
[[nodiscard]] Backend find_backend();

}  // namespace csm::engine
