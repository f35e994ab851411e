#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>

namespace csm {

/// A cryptographic digest of bytes that come piece by piece.
///
/// Movable only. Threads: one thread at a time.
class Digest {
 public:
  enum class Kind {
    kSha1,    ///< FIPS 180-4, 40 digits; git's names of contents
    kSha256,  ///< FIPS 180-4, 64 digits
  };

  /// Throws: Error{kBackend} if OpenSSL fails, as the other members.
  explicit Digest(Kind kind);
  ~Digest();
  Digest(Digest&&) noexcept;
  Digest& operator=(Digest&&) noexcept;

  void add(std::span<const std::byte> bytes);
  /// Lower-case hexadecimal digits. Once, at the end.
  [[nodiscard]] std::string hex();

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

}  // namespace csm
