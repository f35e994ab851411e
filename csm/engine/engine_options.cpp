#include "csm/engine/engine_options.h"

#include <system_error>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::engine {

const char* to_string(DeviceKind device) {
  return device == DeviceKind::kCpu ? "cpu" : "gpu";
}

const char* to_string(WeightType type) {
  switch (type) {
    case WeightType::kF32:
      return "f32";
    case WeightType::kBf16:
      return "bf16";
    case WeightType::kInt8:
      return "int8";
    case WeightType::kInt4:
      return "int4";
  }
  return "unknown";
}

std::optional<DeviceKind> parse_device(std::string_view name) {
  for (const auto device : {DeviceKind::kCpu, DeviceKind::kGpu}) {
    if (name == to_string(device)) return device;
  }
  return std::nullopt;
}

std::optional<WeightType> parse_weight_type(std::string_view name) {
  for (const auto type : {WeightType::kF32, WeightType::kBf16,
                          WeightType::kInt8, WeightType::kInt4}) {
    if (name == to_string(type)) return type;
  }
  return std::nullopt;
}

std::filesystem::path ModelFiles::folder() const {
  std::error_code ignored;
  if (std::filesystem::is_directory(model, ignored)) return model;
  return std::filesystem::absolute(model, ignored).parent_path();
}

void EngineOptions::validate() const {
  if (threads < 0 || threads > 1024) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[engine.options] expected threads in [0, 1024], got ",
                        threads));
  }
  if (!random_weights.empty() && !model_dir.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[engine.options] expected model_dir or "
                        "random_weights, got both (",
                        model_dir.string(), ")"));
  }
}

}  // namespace csm::engine
