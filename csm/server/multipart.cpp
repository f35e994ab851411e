#include "csm/server/multipart.h"

#include <algorithm>

#include "csm/server/api_error.h"
#include "csm/server/http_message.h"

namespace csm::server {
namespace {

constexpr std::size_t kMaxParts = 32;
constexpr std::size_t kMaxPartHead = 8192;
constexpr std::size_t kMaxBoundary = 70;

[[noreturn]] void refuse(const char* expected) {
  throw RequestError(
      bad_request("invalid_form", "", std::string("expected ") + expected));
}

std::string_view trimmed(std::string_view text) {
  const std::size_t first = text.find_first_not_of(" \t");
  if (first == std::string_view::npos) return {};
  return text.substr(first, text.find_last_not_of(" \t") - first + 1);
}

// The value of name=value or name="value" in a header behind its first ';'.
std::string parameter(std::string_view header, std::string_view wanted) {
  std::size_t at = header.find(';');
  while (at < header.size()) {
    const std::size_t equals = header.find('=', ++at);
    if (equals == std::string_view::npos) return {};
    const std::string_view name = trimmed(header.substr(at, equals - at));
    std::string value;
    at = equals + 1;
    if (at < header.size() && header[at] == '"') {
      for (++at; at < header.size() && header[at] != '"'; ++at) {
        if (header[at] == '\\' && at + 1 < header.size()) ++at;
        value += header[at];
      }
      at = header.find(';', at);
    } else {
      const std::size_t end = header.find(';', at);
      value = trimmed(header.substr(at, end - at));
      at = end;
    }
    if (name == wanted) return value;
  }
  return {};
}

Headers read_head(std::string_view head) {
  Headers headers;
  while (!head.empty()) {
    const std::size_t end = std::min(head.find("\r\n"), head.size());
    const std::string_view line = head.substr(0, end);
    head.remove_prefix(std::min(end + 2, head.size()));
    const std::size_t colon = line.find(':');
    if (colon == std::string_view::npos) refuse("headers of a form's part");
    headers.emplace_back(line.substr(0, colon),
                         trimmed(line.substr(colon + 1)));
  }
  return headers;
}

FormPart read_part(std::string_view part) {
  const std::size_t end = part.find("\r\n\r\n");
  if (end == std::string_view::npos || end > kMaxPartHead) {
    refuse("an empty line behind the headers of a form's part");
  }
  const Headers headers = read_head(part.substr(0, end));
  const std::string disposition = find_header(headers, "Content-Disposition");
  if (!disposition.starts_with("form-data")) {
    refuse("Content-Disposition: form-data in each part of a form");
  }
  FormPart out = {.name = parameter(disposition, "name"),
                  .file_name = parameter(disposition, "filename"),
                  .content_type = find_header(headers, "Content-Type"),
                  .data = part.substr(end + 4)};
  if (out.name.empty()) refuse("a name for each part of a form");
  return out;
}

}  // namespace

std::vector<FormPart> read_form(const std::string& content_type,
                                std::string_view body) {
  if (!content_type.starts_with("multipart/form-data")) {
    refuse("Content-Type: multipart/form-data");
  }
  const std::string boundary = parameter(content_type, "boundary");
  if (boundary.empty() || boundary.size() > kMaxBoundary) {
    refuse("a boundary of 1 to 70 characters in Content-Type");
  }
  const std::string opening = "--" + boundary;
  const std::string delimiter = "\r\n" + opening;
  std::vector<FormPart> parts;
  if (!body.starts_with(opening))
    refuse("a form that begins with its boundary");
  body.remove_prefix(opening.size());
  while (!body.starts_with("--")) {
    if (!body.starts_with("\r\n")) refuse("a new line behind a boundary");
    body.remove_prefix(2);
    const std::size_t end = body.find(delimiter);
    if (end == std::string_view::npos)
      refuse("a form that ends with its boundary");
    if (parts.size() == kMaxParts) refuse("a form of at most 32 parts");
    parts.push_back(read_part(body.substr(0, end)));
    body.remove_prefix(end + delimiter.size());
  }
  return parts;
}

}  // namespace csm::server
