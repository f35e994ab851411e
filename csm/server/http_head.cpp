#include "csm/server/http_head.h"

#include <algorithm>
#include <sstream>

namespace csm::server {
namespace {

const char* reason_of(int status) {
  switch (status) {
    case 200:
      return "OK";
    case 204:
      return "No Content";
    case 400:
      return "Bad Request";
    case 401:
      return "Unauthorized";
    case 403:
      return "Forbidden";
    case 404:
      return "Not Found";
    case 405:
      return "Method Not Allowed";
    case 408:
      return "Request Timeout";
    case 409:
      return "Conflict";
    case 413:
      return "Payload Too Large";
    case 415:
      return "Unsupported Media Type";
    case 429:
      return "Too Many Requests";
    case 431:
      return "Request Header Fields Too Large";
    case 500:
      return "Internal Server Error";
    case 503:
      return "Service Unavailable";
    default:
      return "Status";
  }
}

// What a header must not have: a value could begin another header.
std::string clean(std::string value) {
  std::replace_if(
      value.begin(), value.end(),
      [](char c) { return c == '\r' || c == '\n' || c == '\0'; }, ' ');
  return value;
}

void add(std::ostream& out, const Headers& headers) {
  for (const auto& [name, value] : headers) {
    out << name << ": " << clean(value) << "\r\n";
  }
}

}  // namespace

std::string write_head(const HttpResponse& response, Framing framing,
                       bool keep_alive, const std::string& trailers) {
  std::ostringstream out;
  out << "HTTP/1.1 " << response.status << ' ' << reason_of(response.status)
      << "\r\nServer: csm\r\n";
  if (!response.content_type.empty()) {
    out << "Content-Type: " << response.content_type << "\r\n";
  }
  add(out, response.headers);
  if (framing == Framing::kChunked) {
    out << "Transfer-Encoding: chunked\r\n";
    if (!trailers.empty()) out << "Trailer: " << trailers << "\r\n";
  } else if (framing == Framing::kLength && response.status != 204) {
    out << "Content-Length: " << response.body.size() << "\r\n";
  }
  out << "Connection: " << (keep_alive ? "keep-alive" : "close") << "\r\n\r\n";
  return std::move(out).str();
}

std::string write_chunk(const std::string& bytes) {
  if (bytes.empty()) return {};
  std::ostringstream out;
  out << std::hex << bytes.size() << "\r\n" << bytes << "\r\n";
  return std::move(out).str();
}

std::string write_last_chunk(const Headers& trailers) {
  std::ostringstream out;
  out << "0\r\n";
  add(out, trailers);
  out << "\r\n";
  return std::move(out).str();
}

}  // namespace csm::server
