#include "cli/model_path.h"

#include <charconv>
#include <cmath>
#include <cstddef>
#include <optional>
#include <string_view>
#include <system_error>

#include "cli/console.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/base/user_folders.h"
#include "csm/hub/cache.h"
#include "csm/hub/pull.h"

namespace csm::cli {

namespace fs = std::filesystem;

namespace {

constexpr const char* kAuto = "auto";
constexpr std::string_view kMimi = "--mimi";
constexpr std::string_view kTokenizer = "--tokenizer";

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

// Where csm pull or another program has put a repository.
fs::path find_in_cache(const hub::Repository& repository) {
  const hub::Settings settings = hub::settings_from_environment();
  if (const auto found = hub::find_pulled(settings, repository)) {
    return found->model;
  }
  hub::Repository whole = repository;
  whole.file.clear();
  throw Error(
      ErrorCode::kNotFound,
      str_cat("[cli] the model ", repository.text(),
              " is neither a path nor downloaded: csm pull ", whole.text(),
              repository.file.empty() ? "" : " --file " + repository.file));
}

// A path, or the folder of a repository in the cache, which may have no
// weights.
fs::path find_tokenizer(const std::string& tokenizer) {
  std::error_code failed;
  const auto repository = hub::parse_repository(tokenizer);
  const fs::path cache = hub::settings_from_environment().cache;
  if (fs::exists(tokenizer, failed) || !repository || cache.empty()) {
    return resolve_model(tokenizer, kTokenizer);
  }
  const hub::RepositoryCache files(cache, *repository);
  if (const auto commit = files.commit(repository->revision)) {
    const fs::path folder = files.snapshot(*commit);
    if (fs::exists(folder / "tokenizer.json", failed)) return folder;
  }
  return find_in_cache(*repository);
}

// "DIR" or "DIR:STRENGTH"; a folder's own name may have a colon.
engine::AdapterFolder parse_adapter(const std::string& text) {
  std::error_code failed;
  engine::AdapterFolder out = {.path = text};
  const std::size_t colon = text.rfind(':');
  if (!fs::is_directory(text, failed) && colon != std::string::npos) {
    const char* begin = text.c_str() + colon + 1;
    const char* end = text.c_str() + text.size();
    const auto [stop, error] = std::from_chars(begin, end, out.strength);
    if (error != std::errc() || stop != end || !std::isfinite(out.strength)) {
      throw UsageError(
          str_cat("--adapter: expected DIR or DIR:STRENGTH, got '", text, "'"));
    }
    out.path = text.substr(0, colon);
  }
  if (fs::is_directory(out.path, failed)) return out;
  throw Error(ErrorCode::kNotFound,
              str_cat("[cli] expected --adapter to be a folder with "
                      "adapter_config.json, got '",
                      out.path.string(), "'"));
}

}  // namespace

fs::path resolve_model(const std::string& model, std::string_view option) {
  const fs::path path = model.empty() ? demo_model() : fs::path(model);
  std::error_code failed;
  if (fs::is_directory(path, failed) || fs::is_regular_file(path, failed)) {
    return path;
  }
  if (const auto repository = hub::parse_repository(model)) {
    return find_in_cache(*repository);
  }
  const std::string what =
      option == kTokenizer ? "a tokenizer.json, a folder with one"
      : option == kMimi    ? "a file of the codec, a folder with one"
                           : "a folder with config.json and weights, a file of "
                             "weights";
  throw Error(ErrorCode::kNotFound,
              str_cat("[cli] expected ", option, " to be ", what,
                      " or OWNER/NAME, got '", path.string(), "'"));
}

void FilesOptions::add_to(CLI::App& command) {
  command.add_option("--model", model,
                     "Folder of the model, a file of weights or OWNER/NAME "
                     "(default: the demo model)");
  command
      .add_option("--layout", layout,
                  str_cat("How the weights are named: ",
                          weights::layout_names(), "; auto: the names tell"))
      ->capture_default_str();
  command.add_option("--mimi", mimi,
                     "File or folder with the codec's weights (default: in the "
                     "model's or beside them)");
  command.add_option("--tokenizer", tokenizer,
                     "tokenizer.json or a folder with one (default: in the "
                     "model's weights or beside them)");
  command
      .add_option("--adapter", adapters,
                  "Folder of a LoRA adapter to merge, with :STRENGTH behind it "
                  "if that is not 1; may be repeated")
      ->allow_extra_args(false);
}

engine::ModelFiles FilesOptions::files() const {
  engine::ModelFiles out = {.model = resolve_model(model)};
  if (layout != kAuto) {
    out.layout = weights::parse_layout(layout);
    if (!out.layout) {
      throw UsageError(str_cat("--layout: expected auto, ",
                               weights::layout_names(), ", got '", layout,
                               "'"));
    }
  }
  if (!mimi.empty()) out.mimi = resolve_model(mimi, kMimi);
  if (!tokenizer.empty()) out.tokenizer = find_tokenizer(tokenizer);
  for (const std::string& adapter : adapters) {
    out.adapters.push_back(parse_adapter(adapter));
  }
  return out;
}

void ModelOptions::add_place_to(CLI::App& command) {
  FilesOptions::add_to(command);
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
  const engine::ModelFiles found = files();
  options.model_dir = found.model;
  options.layout = found.layout;
  options.mimi_path = found.mimi;
  options.tokenizer_path = found.tokenizer;
  options.adapters = found.adapters;
  options.digest_dir = user_cache_folder().value_or(fs::path());
  if (dtype == kAuto) {
    options.weight_type = engine::stored_weight_type(found);
  }
  return options;
}

}  // namespace csm::cli
