#pragma once

#include <filesystem>

namespace csm {

/// A folder that appears under its final name only when it is complete.
///
/// The writer fills temp_path(), which lies beside it, and calls commit(),
/// which flushes its files to disk and renames it. Without commit() the
/// destructor removes what was written, so that a failure leaves nothing.
class AtomicFolder {
 public:
  /// Creates the empty temporary folder.
  ///
  /// Throws: Error{kInvalidArgument} if the parent folder is missing or not
  /// writable, or `path` names no folder.
  explicit AtomicFolder(const std::filesystem::path& path);
  ~AtomicFolder();
  AtomicFolder(const AtomicFolder&) = delete;
  AtomicFolder& operator=(const AtomicFolder&) = delete;

  [[nodiscard]] const std::filesystem::path& temp_path() const {
    return temp_path_;
  }

  /// replace  a folder of that name goes, with all that is in it; otherwise
  ///          only an empty one does
  /// Throws: Error{kExhausted} if the contents cannot be made durable,
  /// Error{kInvalidArgument} if the name is taken.
  void commit(bool replace);

 private:
  std::filesystem::path path_;
  std::filesystem::path temp_path_;
  bool committed_ = false;
};

}  // namespace csm
