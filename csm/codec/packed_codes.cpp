#include "csm/codec/packed_codes.h"

#include <charconv>
#include <cstddef>
#include <cstring>
#include <string>
#include <string_view>

#include "csm/base/atomic_file.h"
#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/mapped_file.h"
#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"
#include "csm/codec/bad_code.h"

namespace csm::codec {
namespace {

constexpr std::string_view kMagic = "CSMC";
constexpr std::uint64_t kVersion = 1;
constexpr unsigned kBits = 11;
constexpr std::int32_t kEndOfCodes = 1 << kBits;
constexpr std::uint64_t kMaxCodebooks = 256;
constexpr std::uint64_t kMaxFrames = 1ULL << 40U;
constexpr std::uint64_t kMaxRate = 1U << 20U;

// Offsets in the file, little-endian: magic, version (2 bytes), codebooks (2),
// frames (8), sample rate (4), samples of a frame (4), codes, SHA-256 of all
// that stands before it.
constexpr std::size_t kVersionAt = 4;
constexpr std::size_t kCodebooksAt = 6;
constexpr std::size_t kFramesAt = 8;
constexpr std::size_t kRateAt = 16;
constexpr std::size_t kFrameSamplesAt = 20;
constexpr std::size_t kHeaderBytes = 24;
constexpr std::size_t kDigestBytes = 32;

void append_number(std::string& out, std::uint64_t value, std::size_t n_bytes) {
  for (std::size_t i = 0; i < n_bytes; ++i) {
    out += static_cast<char>((value >> (8U * i)) & 0xFFU);
  }
}

std::uint64_t number_at(std::span<const std::byte> bytes, std::size_t at,
                        std::size_t n_bytes) {
  std::uint64_t value = 0;
  for (std::size_t i = n_bytes; i-- > 0;) {
    value = (value << 8U) | static_cast<std::uint64_t>(bytes[at + i]);
  }
  return value;
}

// The 32 bytes of a digest.
std::string digest_of(std::span<const std::byte> bytes) {
  const std::string hex = sha256_hex(bytes);
  std::string out;
  for (std::size_t i = 0; i < hex.size(); i += 2) {
    unsigned value = 0;
    std::from_chars(&hex[i], &hex[i] + 2, value, 16);
    out += static_cast<char>(value);
  }
  return out;
}

std::span<const std::byte> bytes_of(std::string_view text) {
  return std::as_bytes(std::span(text.data(), text.size()));
}

std::uint64_t packed_bytes(std::uint64_t n_codes) {
  return (n_codes * kBits + 7) / 8;
}

// Code i has bits 11 i to 11 i + 10 of the stream; bit b of the stream is bit
// b mod 8 of byte b / 8. Bits behind the last code are zero.
void append_packed(std::string& out, std::span<const std::int32_t> codes) {
  std::uint32_t pending = 0;
  unsigned n_pending = 0;
  for (const std::int32_t code : codes) {
    pending |= static_cast<std::uint32_t>(code) << n_pending;
    for (n_pending += kBits; n_pending >= 8; n_pending -= 8) {
      out += static_cast<char>(pending & 0xFFU);
      pending >>= 8U;
    }
  }
  if (n_pending > 0) out += static_cast<char>(pending);
}

std::vector<std::int32_t> unpack(std::span<const std::byte> packed,
                                 std::uint64_t n_codes) {
  std::vector<std::int32_t> codes;
  codes.reserve(n_codes);
  std::uint32_t pending = 0;
  unsigned n_pending = 0;
  for (const std::byte byte : packed) {
    pending |= static_cast<std::uint32_t>(byte) << n_pending;
    n_pending += 8;
    if (n_pending < kBits || codes.size() == n_codes) continue;
    codes.push_back(static_cast<std::int32_t>(pending % kEndOfCodes));
    pending >>= kBits;
    n_pending -= kBits;
  }
  return codes;
}

void check_codes(std::span<const std::int32_t> codes, int n_codebooks,
                 const std::filesystem::path& path) {
  const auto width = static_cast<std::size_t>(n_codebooks);
  CSM_CHECK(n_codebooks >= 1 && codes.size() % width == 0, "whole frames");
  if (const auto bad = first_bad_code(codes, n_codebooks, kEndOfCodes)) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[codec.packed_codes] expected codes in [0, ",
                        kEndOfCodes, "), which .csmc can hold, got ", bad->code,
                        " in frame ", bad->frame, ", codebook ", bad->codebook,
                        " (", path.string(), ")"));
  }
}

// A file whose parts are checked one after the other.
class Reader {
 public:
  explicit Reader(const MappedFile& file)
      : bytes_(file.bytes()), path_(file.path()) {}

  PackedCodes read() const {
    check_kind();
    const std::uint64_t n_books =
        field("codebooks", kCodebooksAt, 2, kMaxCodebooks);
    const std::uint64_t rate = field("Hz", kRateAt, 4, kMaxRate);
    const std::uint64_t samples =
        field("samples of a frame", kFrameSamplesAt, 4, kMaxRate);
    const std::uint64_t n_codes = check_size(n_books) * n_books;
    check_digest();
    const auto packed = bytes_.subspan(kHeaderBytes, packed_bytes(n_codes));
    PackedCodes out{.format = {.n_codebooks = static_cast<int>(n_books),
                               .sample_rate = static_cast<int>(rate),
                               .samples_per_frame = static_cast<int>(samples)},
                    .codes = unpack(packed, n_codes)};
    std::string again;
    append_packed(again, out.codes);
    if (!packed.empty() &&
        std::memcmp(again.data(), packed.data(), packed.size()) != 0) {
      corrupt("zeros behind the last code, got other bits");
    }
    return out;
  }

 private:
  [[noreturn]] void fail(ErrorCode code, const std::string& what) const {
    throw Error(code, str_cat("[codec.packed_codes] expected ", what, " (",
                              path_.string(), ")"));
  }
  [[noreturn]] void corrupt(const std::string& what) const {
    fail(ErrorCode::kCorrupt, what);
  }

  void check_kind() const {
    if (bytes_.size() < kMagic.size() ||
        std::memcmp(bytes_.data(), kMagic.data(), kMagic.size()) != 0) {
      corrupt("a .csmc file, got something else");
    }
    if (bytes_.size() < kHeaderBytes + kDigestBytes) {
      corrupt(str_cat("at least ", kHeaderBytes + kDigestBytes, " bytes, got ",
                      bytes_.size()));
    }
    const std::uint64_t version = number_at(bytes_, kVersionAt, 2);
    if (version != kVersion) {
      fail(ErrorCode::kUnsupported,
           str_cat("version ", kVersion, ", got ", version));
    }
  }

  std::uint64_t field(const char* what, std::size_t at, std::size_t n_bytes,
                      std::uint64_t max) const {
    const std::uint64_t value = number_at(bytes_, at, n_bytes);
    if (value < 1 || value > max) {
      corrupt(str_cat("1 to ", max, " ", what, ", got ", value));
    }
    return value;
  }

  // The number of frames, which the size of the file must agree with.
  std::uint64_t check_size(std::uint64_t n_books) const {
    const std::uint64_t n_frames = number_at(bytes_, kFramesAt, 8);
    if (n_frames > kMaxFrames) {
      corrupt(str_cat("at most ", kMaxFrames, " frames, got ", n_frames));
    }
    const std::uint64_t size =
        kHeaderBytes + packed_bytes(n_frames * n_books) + kDigestBytes;
    if (size != bytes_.size()) {
      corrupt(str_cat(size, " bytes for ", n_frames, " frames of ", n_books,
                      " codes, got ", bytes_.size()));
    }
    return n_frames;
  }

  void check_digest() const {
    const auto kept = bytes_.last(kDigestBytes);
    const std::string digest =
        digest_of(bytes_.first(bytes_.size() - kDigestBytes));
    if (std::memcmp(digest.data(), kept.data(), kDigestBytes) != 0) {
      corrupt("the bytes that were written, got others (checksum)");
    }
  }

  std::span<const std::byte> bytes_;
  const std::filesystem::path& path_;
};

}  // namespace

void write_packed_codes(const std::filesystem::path& path,
                        const CodesFormat& format,
                        std::span<const std::int32_t> codes) {
  check_codes(codes, format.n_codebooks, path);
  const auto number = [](int value) {
    return static_cast<std::uint64_t>(value);
  };
  std::string contents(kMagic);
  append_number(contents, kVersion, 2);
  append_number(contents, number(format.n_codebooks), 2);
  append_number(contents, codes.size() / number(format.n_codebooks), 8);
  append_number(contents, number(format.sample_rate), 4);
  append_number(contents, number(format.samples_per_frame), 4);
  append_packed(contents, codes);
  contents += digest_of(bytes_of(contents));
  write_file_atomically(path, contents);
}

PackedCodes read_packed_codes(const std::filesystem::path& path) {
  const MappedFile file(path);
  return Reader(file).read();
}

}  // namespace csm::codec
