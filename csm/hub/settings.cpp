#include "csm/hub/settings.h"

#include <algorithm>
#include <cctype>
#include <cstddef>
#include <system_error>

#include "csm/base/env.h"
#include "csm/base/error.h"
#include "csm/base/mapped_file.h"
#include "csm/base/printable.h"
#include "csm/base/str_cat.h"

namespace csm::hub {
namespace {

namespace fs = std::filesystem;

std::optional<fs::path> folder_of(const char* variable) {
  const auto value = read_env(variable);
  if (!value) return std::nullopt;
  if (value->starts_with("~/")) {
    const auto home = read_env("HOME");
    if (home) return fs::path(*home) / value->substr(2);
  }
  return fs::path(*value);
}

std::optional<fs::path> hugging_face_home() {
  if (const auto home = folder_of("HF_HOME")) return home;
  if (const auto cache = folder_of("XDG_CACHE_HOME")) {
    return *cache / "huggingface";
  }
  if (const auto home = folder_of("HOME")) {
    return *home / ".cache" / "huggingface";
  }
  return std::nullopt;
}

bool is_on(const char* variable) {
  auto value = read_env(variable).value_or("");
  std::transform(value.begin(), value.end(), value.begin(), [](char c) {
    return static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  });
  return value == "1" || value == "ON" || value == "YES" || value == "TRUE";
}

std::string trimmed(std::string text) {
  constexpr const char* kWhite = " \t\r\n";
  text.erase(0, std::min(text.find_first_not_of(kWhite), text.size()));
  text.erase(text.find_last_not_of(kWhite) + 1);
  return text;
}

// It becomes part of a header: one word of printable ASCII.
std::string checked_token(std::string token, const std::string& source) {
  token = trimmed(std::move(token));
  const bool fine = std::all_of(token.begin(), token.end(),
                                [](char c) { return c > ' ' && c <= '~'; });
  if (!fine) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[hub.settings] expected one word of ASCII as token (",
                        source, ")"));
  }
  return token;
}

std::string find_token(const std::optional<fs::path>& home) {
  for (const char* name : {"HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"}) {
    if (auto token = read_env(name)) return checked_token(*token, name);
  }
  auto path = folder_of("HF_TOKEN_PATH");
  if (!path && home) path = *home / "token";
  std::error_code failed;
  if (!path || !fs::is_regular_file(*path, failed) ||
      fs::file_size(*path, failed) == 0) {
    return "";
  }
  const MappedFile file(*path);
  constexpr std::size_t kMaxToken = 4096;
  const auto bytes =
      file.bytes().first(std::min(file.bytes().size(), kMaxToken));
  return checked_token(
      std::string(reinterpret_cast<const char*>(bytes.data()), bytes.size()),
      path->string());
}

}  // namespace

std::string checked_endpoint(std::string url, const std::string& source) {
  while (url.ends_with('/')) url.pop_back();
  const bool plain = std::all_of(url.begin(), url.end(), [](char c) {
    return c > ' ' && c <= '~' &&
           std::string_view("@?#\\").find(c) == std::string_view::npos;
  });
  const std::size_t scheme = url.starts_with("https://")  ? 8
                             : url.starts_with("http://") ? 7
                                                          : 0;
  if (!plain || scheme == 0 || url.size() == scheme || url[scheme] == '/') {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[hub.settings] expected an http or https address as ",
                        source, ", got '", printable(url), "'"));
  }
  return url;
}

Settings settings_from_environment() {
  Settings out;
  const auto home = hugging_face_home();
  if (auto endpoint = read_env("HF_ENDPOINT")) {
    out.endpoint = checked_endpoint(std::move(*endpoint), "HF_ENDPOINT");
  }
  out.token = find_token(home);
  auto cache = folder_of("HF_HUB_CACHE");
  if (!cache) cache = folder_of("HUGGINGFACE_HUB_CACHE");
  if (!cache && home) cache = *home / "hub";
  out.cache = cache.value_or(fs::path());
  out.offline = is_on("HF_HUB_OFFLINE") || is_on("TRANSFORMERS_OFFLINE");
  return out;
}

}  // namespace csm::hub
