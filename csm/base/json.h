#pragma once

#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

namespace csm {

using Json = nlohmann::json;
/// Keeps the order of keys, for files that people read.
using OrderedJson = nlohmann::ordered_json;

/// Parses JSON text from an untrusted source.
///
/// `origin` names the text in messages (a path or a field). Nesting deeper
/// than 64 levels, a duplicate key in one object, and trailing bytes are
/// refused.
///
/// Throws: Error{kCorrupt}.
[[nodiscard]] Json parse_json(std::string_view text, const std::string& origin);

/// Reads and parses a file of at most `max_bytes`.
///
/// Throws: Error{kNotFound}, Error{kCorrupt}.
[[nodiscard]] Json parse_json_file(const std::filesystem::path& path,
                                   std::size_t max_bytes = 64UL << 20);

/// A JSON object together with where it came from, for messages that name the
/// file and the field. Does not own the value.
class JsonObject {
 public:
  /// Throws: Error{kCorrupt} if `value` is not an object.
  JsonObject(const Json& value, std::string origin);

  [[nodiscard]] bool has(const std::string& key) const;  ///< present, not null
  [[nodiscard]] std::int64_t integer(const std::string& key, std::int64_t min,
                                     std::int64_t max) const;
  [[nodiscard]] std::int64_t integer_or(const std::string& key,
                                        std::int64_t min, std::int64_t max,
                                        std::int64_t fallback) const;
  [[nodiscard]] double number(const std::string& key, double min,
                              double max) const;
  [[nodiscard]] double number_or(const std::string& key, double min, double max,
                                 double fallback) const;
  [[nodiscard]] bool boolean_or(const std::string& key, bool fallback) const;
  [[nodiscard]] std::string string(const std::string& key) const;
  [[nodiscard]] std::string string_or(const std::string& key,
                                      std::string fallback) const;
  [[nodiscard]] JsonObject object(const std::string& key) const;

  [[nodiscard]] const Json& value() const { return *value_; }
  [[nodiscard]] const std::string& origin() const { return origin_; }

  /// Throws Error{kCorrupt}: "<origin>: field 'key': expected X, got Y".
  [[noreturn]] void fail(const std::string& key,
                         const std::string& expected) const;

 private:
  const Json& at(const std::string& key, const std::string& expected) const;

  const Json* value_;
  std::string origin_;
};

}  // namespace csm
