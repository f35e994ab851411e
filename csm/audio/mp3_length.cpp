#include "csm/audio/mp3_length.h"

#include <array>
#include <cstddef>
#include <optional>
#include <string_view>

#include "csm/audio/read_at.h"

namespace csm::audio {
namespace {

constexpr std::size_t kHeader = 4;
constexpr std::size_t kId3Header = 10;

// kbit/s by the four bits of a header, 1 to 14.
using Rates = std::array<int, 14>;
constexpr Rates kV1Layer1 = {32,  64,  96,  128, 160, 192, 224,
                             256, 288, 320, 352, 384, 416, 448};
constexpr Rates kV1Layer2 = {32,  48,  56,  64,  80,  96,  112,
                             128, 160, 192, 224, 256, 320, 384};
constexpr Rates kV1Layer3 = {32,  40,  48,  56,  64,  80,  96,
                             112, 128, 160, 192, 224, 256, 320};
constexpr Rates kV2Layer1 = {32,  48,  56,  64,  80,  96,  112,
                             128, 144, 160, 176, 192, 224, 256};
constexpr Rates kV2Layers23 = {8,  16, 24, 32,  40,  48,  56,
                               64, 80, 96, 112, 128, 144, 160};

struct Frame {
  std::uint64_t n_bytes = 0;
  std::uint64_t side_bytes = 0;  // between its header and its sound, layer 3
};

unsigned byte(const char value) { return static_cast<unsigned char>(value); }

const Rates& rates_of(bool first_version, int layer) {
  if (!first_version) return layer == 1 ? kV2Layer1 : kV2Layers23;
  if (layer == 1) return kV1Layer1;
  return layer == 2 ? kV1Layer2 : kV1Layer3;
}

// Nothing for what is no header of a frame whose size is known.
std::optional<Frame> read_frame(const std::array<char, kHeader>& header) {
  const unsigned second = byte(header[1]);
  const unsigned third = byte(header[2]);
  const unsigned version = (second >> 3U) & 3U;  // 3: 1, 2: 2, 0: 2.5
  const unsigned layer_bits = (second >> 1U) & 3U;
  const unsigned rate_bits = third >> 4U;
  const unsigned hz_bits = (third >> 2U) & 3U;
  if (byte(header[0]) != 0xFF || (second & 0xE0U) != 0xE0U || version == 1 ||
      layer_bits == 0 || rate_bits == 0 || rate_bits == 15 || hz_bits == 3) {
    return std::nullopt;
  }
  constexpr std::array<int, 3> kHertz = {44100, 48000, 32000};
  const bool first_version = version == 3;
  const int layer = 4 - static_cast<int>(layer_bits);
  const int halvings = first_version ? 0 : (version == 2 ? 1 : 2);
  const int hertz = kHertz[hz_bits] >> halvings;
  const int rate = 1000 * rates_of(first_version, layer)[rate_bits - 1];
  const int padding = static_cast<int>((third >> 1U) & 1U);
  const bool mono = (byte(header[3]) >> 6U) == 3;
  const int slots = layer == 3 && !first_version ? 72 : 144;
  const int n_bytes = layer == 1 ? 4 * (12 * rate / hertz + padding)
                                 : slots * rate / hertz + padding;
  const int side = first_version ? (mono ? 17 : 32) : (mono ? 9 : 17);
  return Frame{.n_bytes = static_cast<std::uint64_t>(n_bytes),
               .side_bytes = static_cast<std::uint64_t>(side)};
}

std::optional<Frame> frame_at(int fd, std::uint64_t at) {
  std::array<char, kHeader> header{};
  return read_at(fd, at, header) ? read_frame(header) : std::nullopt;
}

// Behind the ID3v2 tags at the beginning.
std::uint64_t skip_tags(int fd) {
  std::uint64_t at = 0;
  std::array<char, kId3Header> tag{};
  while (read_at(fd, at, tag) && std::string_view(tag.data(), 3) == "ID3") {
    std::uint64_t size = 0;  // seven bits in each of the last four bytes
    for (std::size_t i = 6; i < kId3Header; ++i) {
      size = (size << 7U) | (byte(tag[i]) & 0x7FU);
    }
    at += kId3Header + size;
  }
  return at;
}

std::uint64_t big_endian(const char* bytes) {
  std::uint64_t value = 0;
  for (int i = 0; i < 4; ++i) value = (value << 8U) | byte(bytes[i]);
  return value;
}

// Bytes from the first frame on, if a header in this frame tells.
std::optional<std::uint64_t> promised_bytes(int fd, std::uint64_t at,
                                            const Frame& frame) {
  std::array<char, 16> box{};
  if (read_at(fd, at + kHeader + frame.side_bytes, box)) {
    const std::string_view name(box.data(), 4);
    const unsigned has = byte(box[7]);  // 1: a number of frames, 2: of bytes
    if ((name == "Xing" || name == "Info") && (has & 2U) != 0) {
      return big_endian(box.data() + ((has & 1U) != 0 ? 12 : 8));
    }
  }
  constexpr std::uint64_t kVbriAt = kHeader + 32;
  if (read_at(fd, at + kVbriAt, box) &&
      std::string_view(box.data(), 4) == "VBRI") {
    return big_endian(box.data() + 10);
  }
  return std::nullopt;
}

}  // namespace

std::uint64_t missing_mp3_bytes(int fd) {
  std::uint64_t at = skip_tags(fd);
  std::optional<Frame> frame = frame_at(fd, at);
  if (!frame) return 0;
  if (const auto promised = promised_bytes(fd, at, *frame)) {
    at += *promised;
  } else {
    for (; frame; frame = frame_at(fd, at)) at += frame->n_bytes;
  }
  const std::uint64_t file_size = size_of_file(fd);
  return at > file_size ? at - file_size : 0;
}

}  // namespace csm::audio
