#include "csm/base/digest.h"

#include <openssl/evp.h>

#include <array>

#include "csm/base/error.h"

namespace csm {
namespace {

void check(int status) {
  if (status == 1) return;
  throw Error(ErrorCode::kBackend, "[base.digest] OpenSSL failed");
}

}  // namespace

struct Digest::Impl {
  struct Free {
    void operator()(EVP_MD_CTX* md) const { EVP_MD_CTX_free(md); }
  };
  std::unique_ptr<EVP_MD_CTX, Free> context{EVP_MD_CTX_new()};
};

Digest::Digest(Kind kind) : impl_(std::make_unique<Impl>()) {
  check(impl_->context != nullptr ? 1 : 0);
  check(EVP_DigestInit_ex(impl_->context.get(),
                          kind == Kind::kSha1 ? EVP_sha1() : EVP_sha256(),
                          nullptr));
}

Digest::~Digest() = default;
Digest::Digest(Digest&&) noexcept = default;
Digest& Digest::operator=(Digest&&) noexcept = default;

void Digest::add(std::span<const std::byte> bytes) {
  check(EVP_DigestUpdate(impl_->context.get(), bytes.data(), bytes.size()));
}

std::string Digest::hex() {
  std::array<unsigned char, EVP_MAX_MD_SIZE> digest{};
  unsigned n_bytes = 0;
  check(EVP_DigestFinal_ex(impl_->context.get(), digest.data(), &n_bytes));
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  for (const unsigned char byte : std::span(digest).first(n_bytes)) {
    out.push_back(kDigits[byte >> 4U]);
    out.push_back(kDigits[byte & 0xfU]);
  }
  return out;
}

}  // namespace csm
