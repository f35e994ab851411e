#include "cli/model_path.h"

#include <optional>
#include <system_error>

#include "cli/console.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/base/user_folders.h"

namespace csm::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* kAuto = "auto";

// Beside an installed program, else in the source tree it was built from.
fs::path demo_model() {
  std::error_code failed;
  const fs::path program = fs::read_symlink("/proc/self/exe", failed);
  if (!failed) {
    const fs::path installed = program.parent_path().parent_path() / "share" /
                               "csm" / "models" / "demo";
    if (fs::is_directory(installed, failed)) return installed;
  }
  return CSM_DEMO_MODEL;
}

}  // namespace

fs::path resolve_model(const std::string& model) {
  const fs::path folder = model.empty() ? demo_model() : fs::path(model);
  std::error_code failed;
  if (!fs::is_directory(folder, failed)) {
    throw Error(ErrorCode::kNotFound,
                str_cat("[cli] expected --model to be a folder with "
                        "config.json and model.safetensors, got '",
                        folder.string(), "'"));
  }
  return folder;
}

void ModelOptions::add_place_to(CLI::App& command) {
  command.add_option("--model", model,
                     "Folder of the model (default: the demo model)");
  command.add_option("--device", device, "cpu or gpu")->capture_default_str();
  command
      .add_option("--threads", threads,
                  "Threads on the CPU (0: one for each processor)")
      ->check(CLI::Range(0, 1024))
      ->capture_default_str();
}

void ModelOptions::add_to(CLI::App& command) {
  add_place_to(command);
  command
      .add_option("--dtype", dtype,
                  "Weights in memory: f32, bf16, int8 or int4; auto: as stored "
                  "if they are integers, else f32")
      ->capture_default_str();
}

engine::EngineOptions ModelOptions::resolve() const {
  engine::EngineOptions options;
  const auto type = dtype == kAuto ? std::optional(engine::WeightType::kF32)
                                   : engine::parse_weight_type(dtype);
  if (!type) {
    throw UsageError(
        str_cat("--dtype: expected auto, f32, bf16, int8 or "
                "int4, got '",
                dtype, "'"));
  }
  const auto kind = engine::parse_device(device);
  if (!kind) {
    throw UsageError(
        str_cat("--device: expected cpu or gpu, got '", device, "'"));
  }
  options.weight_type = *type;
  options.device = *kind;
  options.threads = threads;
  options.random_weights = random_weights;
  if (!random_weights.empty()) return options;
  options.model_dir = resolve_model(model);
  options.digest_dir = user_cache_folder().value_or(fs::path());
  if (dtype == kAuto) {
    options.weight_type = engine::stored_weight_type(options.model_dir);
  }
  return options;
}

}  // namespace csm::cli
