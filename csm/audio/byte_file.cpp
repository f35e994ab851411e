#include "csm/audio/byte_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

namespace csm::audio {

bool ByteFile::write(std::span<const std::byte> bytes) noexcept {
  if (error_ == 0) error_ = write_at(position_, bytes);
  if (error_ != 0) return false;
  position_ += static_cast<std::int64_t>(bytes.size());
  size_ = std::max(size_, position_);
  return true;
}

int MemoryFile::write_at(std::int64_t position,
                         std::span<const std::byte> bytes) noexcept {
  const auto begin = static_cast<std::size_t>(position);
  const std::size_t end = begin + bytes.size();
  try {
    if (end > bytes_.size()) bytes_.resize(end);
  } catch (const std::bad_alloc&) {
    return ENOMEM;
  }
  if (!bytes.empty()) {
    std::memcpy(bytes_.data() + begin, bytes.data(), bytes.size());
  }
  return 0;
}

DescriptorFile::DescriptorFile(int fd) : fd_(fd) {
  struct stat status {};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return;
  const int flags = ::fcntl(fd, F_GETFL);
  const off_t offset = ::lseek(fd, 0, SEEK_CUR);
  if (flags < 0 || (flags & O_APPEND) != 0 || offset < 0) return;
  seekable_ = true;
  base_ = offset;
}

int DescriptorFile::write_at(std::int64_t position,
                             std::span<const std::byte> bytes) noexcept {
  // At the end by write(), so that the offset, which other programs may
  // share, stays behind our bytes.
  const bool at_end = position == size();
  if (!at_end && !seekable_) return ESPIPE;
  while (!bytes.empty()) {
    const ssize_t n =
        at_end ? ::write(fd_, bytes.data(), bytes.size())
               : ::pwrite(fd_, bytes.data(), bytes.size(), base_ + position);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) return errno;
    bytes = bytes.subspan(static_cast<std::size_t>(n));
    position += n;
  }
  return 0;
}

}  // namespace csm::audio
