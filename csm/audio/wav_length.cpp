#include "csm/audio/wav_length.h"

#include <array>
#include <cstddef>
#include <string_view>

#include "csm/audio/read_at.h"

namespace csm::audio {
namespace {

constexpr int kMaxChunks = 1000;
constexpr std::uint64_t kChunkHeader = 8;  // four letters and a size

/// Sizes from here on mean "until the end of the pipe"; so does 0.
constexpr std::uint64_t kOpenLength = 0x7FFFF000;

std::uint64_t size_of(const std::array<char, kChunkHeader>& chunk) {
  std::uint64_t size = 0;
  for (std::size_t i = kChunkHeader; i-- > 4;) {
    size = (size << 8U) | static_cast<unsigned char>(chunk[i]);
  }
  return size;
}

}  // namespace

std::uint64_t missing_wav_bytes(int fd) {
  std::array<char, 12> head{};
  if (!read_at(fd, 0, head)) return 0;
  const std::string_view text(head.data(), head.size());
  if (!text.starts_with("RIFF") || !text.ends_with("WAVE")) return 0;
  const auto file_size = size_of_file(fd);
  std::uint64_t at = head.size();
  std::array<char, kChunkHeader> chunk{};
  for (int n = 0; n < kMaxChunks && read_at(fd, at, chunk); ++n) {
    const std::uint64_t size = size_of(chunk);
    at += kChunkHeader;
    if (std::string_view(chunk.data(), 4) == "data") {
      return size < kOpenLength && at + size > file_size ? at + size - file_size
                                                         : 0;
    }
    at += size + size % 2;
  }
  return 0;
}

}  // namespace csm::audio
