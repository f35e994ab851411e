#include "csm/hub/repository.h"

#include <algorithm>

namespace csm::hub {
namespace {

constexpr std::size_t kMaxName = 96;
constexpr std::size_t kMaxPath = 1024;
constexpr std::size_t kMaxComponent = 255;

bool is_letter_or_digit(char c) {
  return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
         (c >= '0' && c <= '9');
}

bool is_name_char(char c) {
  return is_letter_or_digit(c) || c == '-' || c == '_' || c == '.';
}

bool is_name(std::string_view text) {
  const auto at_end = [](char c) { return c == '-' || c == '.'; };
  return !text.empty() && text.size() <= kMaxName &&
         std::all_of(text.begin(), text.end(), is_name_char) &&
         !at_end(text.front()) && !at_end(text.back()) &&
         text.find("--") == std::string_view::npos &&
         text.find("..") == std::string_view::npos;
}

bool is_revision(std::string_view text) {
  return is_safe_path(text) &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return is_name_char(c) || c == '/' || c == '+';
         });
}

}  // namespace

std::string Repository::text() const {
  return id() + (revision == "main" ? "" : "@" + revision) +
         (file.empty() ? "" : ":" + file);
}

std::optional<Repository> parse_repository(std::string_view text) {
  Repository out;
  if (const auto colon = text.find(':'); colon != std::string_view::npos) {
    out.file = text.substr(colon + 1);
    if (!is_safe_path(out.file)) return std::nullopt;
    text = text.substr(0, colon);
  }
  if (const auto at = text.find('@'); at != std::string_view::npos) {
    out.revision = text.substr(at + 1);
    if (!is_revision(out.revision)) return std::nullopt;
    text = text.substr(0, at);
  }
  const auto slash = text.find('/');
  if (slash == std::string_view::npos) return std::nullopt;
  out.owner = text.substr(0, slash);
  out.name = text.substr(slash + 1);
  if (!is_name(out.owner) || !is_name(out.name)) return std::nullopt;
  return out;
}

bool is_safe_path(std::string_view path) {
  if (path.empty() || path.size() > kMaxPath) return false;
  const auto is_bad = [](char c) {
    return static_cast<unsigned char>(c) < ' ' || c == '\x7f' || c == '\\' ||
           c == ':';
  };
  if (std::any_of(path.begin(), path.end(), is_bad)) return false;
  for (std::size_t begin = 0; begin <= path.size();) {
    const std::size_t end = std::min(path.find('/', begin), path.size());
    const std::string_view part = path.substr(begin, end - begin);
    if (part.empty() || part == "." || part == ".." ||
        part.size() > kMaxComponent) {
      return false;
    }
    begin = end + 1;
  }
  return true;
}

bool is_hex(std::string_view text, std::size_t n) {
  return text.size() == n && std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

bool is_commit(std::string_view text) {
  constexpr std::size_t kDigits = 40;
  return is_hex(text, kDigits);
}

std::string url_escape(std::string_view text, bool keep_slashes) {
  constexpr char kDigits[] = "0123456789ABCDEF";
  std::string out;
  for (const char c : text) {
    if (is_name_char(c) || c == '~' || (c == '/' && keep_slashes)) {
      out.push_back(c);
      continue;
    }
    const auto byte = static_cast<unsigned char>(c);
    out.push_back('%');
    out.push_back(kDigits[byte >> 4U]);
    out.push_back(kDigits[byte & 0xfU]);
  }
  return out;
}

}  // namespace csm::hub
