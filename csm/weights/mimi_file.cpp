#include "csm/weights/mimi_file.h"

#include <algorithm>
#include <string>
#include <system_error>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/weights/safetensors.h"
#include "csm/weights/tensor_names.h"

namespace csm::weights {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(ErrorCode code, const std::string& what,
                       const fs::path& where) {
  throw Error(code,
              str_cat("[weights.mimi_file] ", what, " (", where.string(), ")"));
}

bool is_mimi(const fs::path& path) {
  const SafetensorsFile file(path);
  return is_codec_layout(detect_layout(
      [&](std::string_view name) { return file.find(name) != nullptr; }));
}

// A folder may hold anything else. What is broken counts if nothing else is
// found: it may be what was meant.
std::vector<fs::path> mimi_files(const fs::path& folder) {
  std::vector<fs::path> out;
  std::optional<Error> broken;
  std::error_code ignored;
  for (const auto& entry : fs::directory_iterator(folder, ignored)) {
    const fs::path& path = entry.path();
    if (path.extension() != ".safetensors") continue;
    try {
      if (is_mimi(path)) out.push_back(path);
    } catch (const Error& error) {
      broken = error;
    }
  }
  if (out.empty() && broken) throw Error(*broken);
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

std::optional<fs::path> find_mimi(const fs::path& wanted,
                                  const fs::path& beside) {
  std::error_code ignored;
  if (!wanted.empty() && !fs::exists(wanted, ignored)) {
    fail(ErrorCode::kNotFound, "expected a file of Mimi, got nothing", wanted);
  }
  if (!wanted.empty() && !fs::is_directory(wanted, ignored)) return wanted;
  const fs::path& folder = wanted.empty() ? beside : wanted;
  const auto files = mimi_files(folder);
  if (files.size() > 1) {
    fail(
        ErrorCode::kInvalidArgument,
        str_cat("expected one file of Mimi, got ", files[0].filename().string(),
                " and ", files[1].filename().string(), ": name one by --mimi"),
        folder);
  }
  if (!files.empty()) return files.front();
  if (wanted.empty()) return std::nullopt;
  fail(ErrorCode::kNotFound,
       "expected a .safetensors file of Mimi in the folder, got none", wanted);
}

}  // namespace csm::weights
