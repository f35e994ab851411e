#include "csm/server/api_keys.h"

#include <openssl/crypto.h>

#include <algorithm>
#include <sstream>

#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"

namespace csm::server {
namespace {

std::string digest_of(std::string_view key) {
  return sha256_hex(std::as_bytes(std::span(key)));
}

[[noreturn]] void refuse(const std::string& expected, std::size_t line,
                         const std::string& origin) {
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[server.keys] expected ", expected, " (", origin,
                      ", line ", line, ')'));
}

}  // namespace

ApiKeys ApiKeys::parse(std::string_view text, const std::string& origin) {
  ApiKeys keys;
  std::istringstream lines{std::string(text)};
  std::size_t number = 0;
  for (std::string line; std::getline(lines, line);) {
    ++number;
    std::istringstream words(line);
    std::string key;
    std::string name;
    if (!(words >> key) || key.starts_with('#')) continue;
    if (!(words >> name)) name = str_cat("key-", keys.keys_.size() + 1);
    if (key.size() < kMinLength) {
      refuse(
          str_cat("a key of at least ", kMinLength, " bytes, got ", key.size()),
          number, origin);
    }
    if (keys.find(key)) refuse("each key once, got one twice", number, origin);
    keys.keys_.push_back({.digest = digest_of(key), .name = name});
  }
  if (keys.empty()) refuse("at least one key, got none", number, origin);
  return keys;
}

std::optional<std::string> ApiKeys::find(std::string_view key) const {
  const std::string digest = digest_of(key);
  std::optional<std::string> name;
  for (const Key& known : keys_) {
    if (CRYPTO_memcmp(known.digest.data(), digest.data(), digest.size()) == 0) {
      name = known.name;
    }
  }
  return name;
}

std::string presented_key(const Headers& headers) {
  constexpr std::string_view kBearer = "bearer ";
  std::string authorization = find_header(headers, "Authorization");
  std::string scheme = authorization.substr(0, kBearer.size());
  std::transform(scheme.begin(), scheme.end(), scheme.begin(), [](char c) {
    return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
  });
  if (scheme == kBearer) return authorization.substr(kBearer.size());
  std::string key = find_header(headers, "X-API-Key");
  return key.empty() ? find_header(headers, "xi-api-key") : key;
}

}  // namespace csm::server
