#pragma once

#include <filesystem>
#include <string>
#include <vector>

namespace csm::validate {

/// How a program ended.
struct ProcessResult {
  int exit_status = 0;     ///< 128 + signal if it was killed
  std::string last_error;  ///< the last line that it wrote to stderr
};

/// Runs a program to its end, without a shell; its stdout is dropped.
///
/// program  a path, or a name that is looked up in PATH
/// Throws: Error{kNotFound} if it cannot be started.
[[nodiscard]] ProcessResult run_process(const std::string& program,
                                        const std::vector<std::string>& args);

/// A new folder that is removed with all its contents.
class TempFolder {
 public:
  /// Throws: Error{kExhausted} if none can be made.
  TempFolder();
  ~TempFolder();
  TempFolder(const TempFolder&) = delete;
  TempFolder& operator=(const TempFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

 private:
  std::filesystem::path path_;
};

}  // namespace csm::validate
