#include "csm/server/http_message.h"

#include <algorithm>
#include <charconv>
#include <chrono>
#include <system_error>

namespace csm::server {
namespace {

char lower(char c) {
  return c >= 'A' && c <= 'Z' ? static_cast<char>(c - 'A' + 'a') : c;
}

bool same_name(std::string_view a, std::string_view b) {
  return std::equal(a.begin(), a.end(), b.begin(), b.end(),
                    [](char x, char y) { return lower(x) == lower(y); });
}

bool read_query(std::string_view query, HttpRequest& request) {
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(pair.size() + 1, query.size()));
    const std::size_t equals = std::min(pair.find('='), pair.size());
    const auto name = url_decode(pair.substr(0, equals));
    const auto value =
        url_decode(pair.substr(std::min(equals + 1, pair.size())));
    if (!name || !value) return false;
    if (!name->empty()) request.query.insert_or_assign(*name, *value);
  }
  return true;
}

}  // namespace

std::string find_header(const Headers& headers, std::string_view name) {
  for (const auto& [known, value] : headers) {
    if (same_name(known, name)) return value;
  }
  return {};
}

HttpResponse json_response(const OrderedJson& json, int status) {
  return {.status = status, .body = dump(json)};
}

HttpResponse error_response(const ApiError& error) {
  HttpResponse response = json_response(to_json(error), error.status);
  if (error.retry_after_s > 0) {
    response.headers.emplace_back("Retry-After",
                                  std::to_string(error.retry_after_s));
  }
  if (!error.allow.empty()) {
    response.headers.emplace_back("Allow", error.allow);
  }
  if (error.status == 401) {
    response.headers.emplace_back("WWW-Authenticate", "Bearer");
  }
  return response;
}

double now_seconds() {
  return std::chrono::duration<double>(
             std::chrono::steady_clock::now().time_since_epoch())
      .count();
}

std::optional<std::string> url_decode(std::string_view text) {
  std::string out;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      out += ' ';
    } else if (text[i] != '%') {
      out += text[i];
    } else {
      const std::string_view digits = text.substr(i + 1, 2);
      unsigned value = 0;
      const auto read = std::from_chars(
          digits.data(), digits.data() + digits.size(), value, 16);
      if (digits.size() != 2 || read.ec != std::errc() ||
          read.ptr != digits.data() + 2 || value == 0) {
        return std::nullopt;
      }
      out += static_cast<char>(value);
      i += 2;
    }
  }
  return out;
}

bool read_target(std::string_view target, HttpRequest& request) {
  if (!target.starts_with('/')) return false;
  const std::size_t mark = std::min(target.find('?'), target.size());
  const auto path = url_decode(target.substr(0, mark));
  if (!path) return false;
  request.path = *path;
  return read_query(target.substr(std::min(mark + 1, target.size())), request);
}

}  // namespace csm::server
