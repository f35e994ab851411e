#pragma once

#include <cstddef>
#include <filesystem>
#include <span>

namespace csm {

/// A whole file mapped read-only into memory.
///
/// Owns the mapping; views from bytes() end with the object. Movable only.
/// Threads: const-safe.
class MappedFile {
 public:
  /// Maps `path`.
  ///
  /// Throws: Error{kNotFound} if it does not exist or cannot be read,
  /// Error{kInvalidArgument} if it is not a regular file, Error{kCorrupt} if
  /// it is empty.
  explicit MappedFile(const std::filesystem::path& path);
  ~MappedFile();

  MappedFile(MappedFile&& other) noexcept;
  MappedFile& operator=(MappedFile&& other) noexcept;
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  [[nodiscard]] std::span<const std::byte> bytes() const { return bytes_; }
  [[nodiscard]] const std::filesystem::path& path() const { return path_; }

  /// Tells the kernel that a range of the mapping is no longer needed, so
  /// that loading a large file does not keep its pages resident.
  void release(std::span<const std::byte> range) const;

 private:
  std::filesystem::path path_;
  std::span<const std::byte> bytes_;
};

}  // namespace csm
