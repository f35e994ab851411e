#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

namespace csm::audio {

/// Bytes on their way out: what an encoder writes to.
///
/// Nothing here throws, because a C library calls it: what went wrong is
/// error(), and from then on every write fails.
/// Threads: one thread at a time.
class ByteFile {
 public:
  ByteFile() = default;
  virtual ~ByteFile() = default;
  ByteFile(const ByteFile&) = delete;
  ByteFile& operator=(const ByteFile&) = delete;

  /// Writes at the position, which moves behind the bytes. False on failure.
  bool write(std::span<const std::byte> bytes) noexcept;

  /// Moves the position to anywhere in the file.
  void seek(std::int64_t position) noexcept { position_ = position; }

  [[nodiscard]] std::int64_t position() const noexcept { return position_; }
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  /// errno of the first failure, 0 if there was none.
  [[nodiscard]] int error() const noexcept { return error_; }
  /// Whether bytes before the end can be written again.
  [[nodiscard]] virtual bool seekable() const noexcept { return true; }

 private:
  /// Returns 0 or errno.
  virtual int write_at(std::int64_t position,
                       std::span<const std::byte> bytes) noexcept = 0;

  std::int64_t position_ = 0;
  std::int64_t size_ = 0;
  int error_ = 0;
};

/// A file in memory.
class MemoryFile : public ByteFile {
 public:
  /// The whole file; this object is empty then.
  [[nodiscard]] std::vector<std::byte> take() { return std::move(bytes_); }

 private:
  int write_at(std::int64_t position,
               std::span<const std::byte> bytes) noexcept override;

  std::vector<std::byte> bytes_;
};

/// A file, pipe or device behind a descriptor, from its present offset on.
class DescriptorFile : public ByteFile {
 public:
  /// Does not own `fd`. Only regular files that are not open for appending
  /// are seekable.
  explicit DescriptorFile(int fd);

  [[nodiscard]] bool seekable() const noexcept override { return seekable_; }

 private:
  int write_at(std::int64_t position,
               std::span<const std::byte> bytes) noexcept override;

  int fd_;
  bool seekable_ = false;
  std::int64_t base_ = 0;  // offset of our first byte
};

}  // namespace csm::audio
