#include "csm/audio/ogg_end.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <numeric>
#include <string_view>

#include "csm/audio/read_at.h"

namespace csm::audio {
namespace {

// A page: a header, the sizes of its segments, the segments.
constexpr std::size_t kHeader = 27;
constexpr std::size_t kFlagsAt = 5;
constexpr std::size_t kSegmentsAt = 26;
constexpr unsigned kEndOfStream = 4;
constexpr std::size_t kMostSegments = 255;

using Bytes = std::array<char, kHeader + kMostSegments>;

unsigned byte(const Bytes& bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

// Bytes that are there, at most all.
std::size_t read_some(int fd, std::uint64_t at, Bytes& out) {
  const ssize_t n = ::pread(fd, out.data(), out.size(), static_cast<off_t>(at));
  return n > 0 ? static_cast<std::size_t>(n) : 0;
}

}  // namespace

bool ogg_is_cut_off(int fd) {
  const std::uint64_t file_size = size_of_file(fd);
  bool ended = false;
  Bytes page{};
  for (std::uint64_t at = 0; at < file_size;) {
    const std::size_t n = read_some(fd, at, page);
    if (std::string_view(page.data(), n).substr(0, 4) != "OggS") {
      // Something else behind a stream that has ended, or damage.
      return at > 0 && n < 4 && !ended;
    }
    if (n < kHeader || n < kHeader + byte(page, kSegmentsAt)) return true;
    const auto sizes = page.begin() + kHeader;
    at += kHeader + byte(page, kSegmentsAt);
    at = std::accumulate(sizes, sizes + byte(page, kSegmentsAt), at,
                         [](std::uint64_t sum, char size) {
                           return sum + static_cast<unsigned char>(size);
                         });
    if (at > file_size) return true;
    ended = (byte(page, kFlagsAt) & kEndOfStream) != 0;
  }
  return file_size > 0 && !ended;
}

}  // namespace csm::audio
