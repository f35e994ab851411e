#include "csm/engine/backend.h"

#include <mlx/device.h>
#include <mlx/version.h>

#include <variant>

namespace csm::engine {

namespace mx = mlx::core;

Backend find_backend() {
  Backend out{.mlx_version = mx::version(), .gpus = {}};
  if (!mx::is_available(mx::Device(mx::Device::gpu))) return out;
  for (int i = 0; i < mx::device_count(mx::Device::gpu); ++i) {
    const auto& info = mx::device_info(mx::Device(mx::Device::gpu, i));
    const auto name = info.find("device_name");
    const auto* text =
        name == info.end() ? nullptr : std::get_if<std::string>(&name->second);
    out.gpus.push_back(text == nullptr ? "GPU" : *text);
  }
  return out;
}

}  // namespace csm::engine
