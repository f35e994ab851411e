#pragma once

#include <filesystem>
#include <string_view>

#include "csm/base/descriptor.h"

namespace csm {

/// A file that appears under its final name only when it is complete.
///
/// The writer fills temp_path(), which lies in the same folder, and calls
/// commit(), which flushes it to disk and renames it. Without commit() the
/// destructor removes what was written, so that a failure leaves nothing. A
/// writer that is killed leaves the temporary file, which
/// remove_abandoned_files() takes for what it is, as the lock on it is gone.
class AtomicFile {
 public:
  /// Creates the empty temporary file.
  ///
  /// Throws: Error{kInvalidArgument} if the folder is missing or not writable
  /// or `path` is a folder or a device.
  explicit AtomicFile(const std::filesystem::path& path);
  ~AtomicFile();
  AtomicFile(const AtomicFile&) = delete;
  AtomicFile& operator=(const AtomicFile&) = delete;

  [[nodiscard]] const std::filesystem::path& temp_path() const {
    return temp_path_;
  }

  /// Throws: Error{kExhausted} if the contents cannot be made durable.
  void commit();

 private:
  std::filesystem::path path_;
  std::filesystem::path temp_path_;
  Descriptor file_;  // the temporary one; holds the lock
  bool committed_ = false;
};

/// Writes `contents` to `path` through an AtomicFile.
///
/// Throws: as AtomicFile; Error{kExhausted} on a full disk.
void write_file_atomically(const std::filesystem::path& path,
                           std::string_view contents);

/// Removes from `folder` the temporary files of AtomicFiles for names with the
/// given ending whose writers were killed; those that are being written stay,
/// whichever process writes them.
///
/// returns  how many are gone
[[nodiscard]] int remove_abandoned_files(const std::filesystem::path& folder,
                                         std::string_view ending);

}  // namespace csm
