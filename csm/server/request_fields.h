#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "csm/base/json.h"

namespace csm::server {

/// The fields of a request's JSON object. A field that is null counts as
/// absent. Does not own the object.
///
/// Everything that is wrong is a RequestError that names the field.
class RequestFields {
 public:
  /// prefix  of the names of fields in messages, as "context[2]."
  /// Throws: RequestError unless `json` is an object.
  explicit RequestFields(const Json& json, std::string prefix = {});

  [[nodiscard]] const Json* find(const std::string& name);
  [[nodiscard]] std::optional<std::string> text(const std::string& name);
  [[nodiscard]] std::optional<bool> boolean(const std::string& name);
  [[nodiscard]] std::optional<double> number(const std::string& name,
                                             double min, double max);
  [[nodiscard]] std::optional<int> integer(const std::string& name, int min,
                                           int max);
  /// 0 to 2^64 - 1, or negative in two's complement.
  [[nodiscard]] std::optional<std::uint64_t> seed(const std::string& name);

  /// Throws: RequestError{missing_required_field}.
  [[nodiscard]] std::string required_text(const std::string& name);

  /// Names of fields that nobody has asked for.
  [[nodiscard]] std::vector<std::string> unknown() const;

  [[noreturn]] void fail(const std::string& name, const std::string& expected,
                         const std::string& code = "invalid_value") const;

  [[nodiscard]] std::string full_name(const std::string& name) const {
    return prefix_ + name;
  }

 private:
  const Json* json_;
  std::string prefix_;
  std::vector<std::string> known_;
};

/// JSON that a client sent.
///
/// Throws: RequestError{invalid_json}.
[[nodiscard]] Json parse_body(std::string_view body);

}  // namespace csm::server
