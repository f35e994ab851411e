#include "csm/engine/output_folder.h"

#include <string>
#include <system_error>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const fs::path& where) {
  throw Error(code, str_cat("[engine.output_folder] ", what, " (",
                            where.string(), ")"));
}

[[noreturn]] void invalid(const std::string& what, const fs::path& where) {
  fail(ErrorCode::kInvalidArgument, what, where);
}

bool has_files_only(const fs::path& folder) {
  for (const auto& entry : fs::directory_iterator(folder)) {
    if (!entry.is_regular_file()) return false;
  }
  return true;
}

bool is_copied(const fs::path& path) {
  const std::string name = path.filename().string();
  const std::string kind = path.extension().string();
  if (name == "config.json" || name.ends_with(".index.json")) return false;
  return kind == ".json" || kind == ".jinja" || kind == ".txt" ||
         kind == ".model" || name.starts_with("LICENSE") ||
         name.starts_with("NOTICE");
}

}  // namespace

void check_output(const OutputFolder& output) {
  const fs::path& path = output.path;
  std::error_code failed;
  if (path.empty()) invalid("expected a folder to write, got none", path);
  if (!fs::exists(fs::symlink_status(path, failed))) return;
  if (!fs::is_directory(path, failed)) {
    invalid("expected a folder to write, got a file", path);
  }
  if (fs::equivalent(path, output.source, failed)) {
    invalid("expected another folder than that of the model", path);
  }
  if (fs::is_empty(path, failed)) return;
  if (!output.replace) {
    invalid("expected a folder that does not exist, got one with files", path);
  }
  if (fs::is_symlink(path, failed) || !has_files_only(path) ||
      !output.is_ours(path)) {
    invalid(
        "expected nothing or such a model to replace, got a folder with other "
        "files",
        path);
  }
}

void copy_others(const fs::path& from, const fs::path& to) {
  for (const auto& entry : fs::directory_iterator(from)) {
    if (!entry.is_regular_file() || !is_copied(entry.path())) continue;
    std::error_code failed;
    fs::copy_file(entry.path(), to / entry.path().filename(), failed);
    if (failed) {
      fail(ErrorCode::kExhausted, str_cat("cannot copy: ", failed.message()),
           entry.path());
    }
  }
}

void require_space(const fs::path& folder, std::size_t bytes,
                   const fs::path& output) {
  std::error_code failed;
  const fs::space_info space = fs::space(folder, failed);
  if (failed || space.available >= bytes) return;
  fail(
      ErrorCode::kExhausted,
      str_cat("expected ", bytes, " bytes of free disk, got ", space.available),
      output);
}

}  // namespace csm::engine
