#pragma once

#include <cstddef>
#include <span>
#include <string>

namespace csm {

/// SHA-256 (FIPS 180-4) of one buffer as 64 lower-case hexadecimal digits.
///
/// Throws: Error{kBackend} if OpenSSL fails.
[[nodiscard]] std::string sha256_hex(std::span<const std::byte> bytes);

}  // namespace csm
