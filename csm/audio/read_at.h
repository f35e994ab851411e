#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cstddef>
#include <cstdint>

namespace csm::audio {

/// Reads bytes of an open file without moving its position.
///
/// returns  whether all of them are there
template <std::size_t kSize>
[[nodiscard]] bool read_at(int fd, std::uint64_t at,
                           std::array<char, kSize>& out) {
  return ::pread(fd, out.data(), kSize, static_cast<off_t>(at)) ==
         static_cast<ssize_t>(kSize);
}

/// Its size; 0 if it has none.
[[nodiscard]] inline std::uint64_t size_of_file(int fd) {
  struct stat status {};
  return ::fstat(fd, &status) == 0 ? static_cast<std::uint64_t>(status.st_size)
                                   : 0;
}

}  // namespace csm::audio
