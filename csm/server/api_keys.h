#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "csm/server/http_message.h"

namespace csm::server {

/// The keys that open the server. Keys are kept as digests; comparing takes the
/// same time whatever is presented.
///
/// Threads: const-safe.
class ApiKeys {
 public:
  /// No keys: everybody is let in.
  ApiKeys() = default;

  /// One key a line, and behind it, after white space, a name for logs and
  /// limits, unless "key-1", "key-2"... will do. Empty lines and lines that
  /// begin with # do not count.
  ///
  /// origin  of the text, for messages
  /// Throws: Error{kInvalidArgument} for a key of less than 16 bytes, one that
  /// is there twice, or a text without any key.
  static ApiKeys parse(std::string_view text, const std::string& origin);

  [[nodiscard]] bool empty() const { return keys_.empty(); }

  /// The name of a key; nothing if it opens nothing.
  [[nodiscard]] std::optional<std::string> find(std::string_view key) const;

  static constexpr std::size_t kMinLength = 16;

 private:
  struct Key {
    std::string digest;
    std::string name;
  };
  std::vector<Key> keys_;
};

/// The key that a request presents: Authorization: Bearer, X-API-Key or
/// xi-api-key; empty if none.
[[nodiscard]] std::string presented_key(const Headers& headers);

}  // namespace csm::server
