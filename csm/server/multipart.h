#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace csm::server {

/// One part of a multipart/form-data body.
struct FormPart {
  std::string name;
  std::string file_name;  ///< empty: a plain field
  std::string content_type;
  std::string_view data;  ///< of the body
};

/// The parts of a form (RFC 7578), at most 32 of them.
///
/// content_type  of the request, with its boundary
/// body          must outlive the parts
/// Throws: RequestError for whatever is malformed.
[[nodiscard]] std::vector<FormPart> read_form(const std::string& content_type,
                                              std::string_view body);

}  // namespace csm::server
