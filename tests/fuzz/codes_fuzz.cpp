// .csmc files; what is wrong behind a right checksum, too.

#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "csm/base/sha256.h"
#include "csm/codec/packed_codes.h"
#include "fuzz.h"

namespace {

constexpr std::size_t kDigestBytes = 32;

// The same with the digest of what stands before it (docs/codes.md).
std::vector<std::uint8_t> with_digest(std::vector<std::uint8_t> file) {
  const auto contents = std::span(file).first(file.size() - kDigestBytes);
  const std::string hex = csm::sha256_hex(std::as_bytes(contents));
  for (std::size_t i = 0; i < kDigestBytes; ++i) {
    (void)std::from_chars(&hex[2 * i], &hex[2 * i] + 2,
                          file[contents.size() + i], 16);
  }
  return file;
}

}  // namespace

int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace csm;
  const auto read = [](std::span<const std::uint8_t> bytes) {
    const auto path = fuzz::write_scratch("a.csmc", bytes);
    fuzz::refusable([&] { (void)codec::read_packed_codes(path); });
  };
  read({data, size});
  if (size >= kDigestBytes) read(with_digest({data, data + size}));
  return 0;
}
