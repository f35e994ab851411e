#include "csm/base/sha256.h"

#include "csm/base/digest.h"

namespace csm {

std::string sha256_hex(std::span<const std::byte> bytes) {
  Digest digest(Digest::Kind::kSha256);
  digest.add(bytes);
  return digest.hex();
}

}  // namespace csm
