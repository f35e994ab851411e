#include "csm/server/router.h"

#include <algorithm>
#include <boost/asio/ip/address.hpp>
#include <string_view>
#include <utility>

#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/server/embedded_files.h"
#include "csm/server/routes.h"

namespace csm::server {
namespace {

// Of a form besides the upload in it.
constexpr std::size_t kFormSlack = std::size_t{1} << 18U;

enum class Body { kNone, kJson, kForm };

struct Known {
  const char* method;
  const char* path;  // ending in '/': with something behind it
  Handler handler;
  Body body = Body::kNone;
  bool is_public = false;
};

const std::vector<Known>& known_routes() {
  static const std::vector<Known> kRoutes = {
      {"GET", "/health", get_health, Body::kNone, true},
      {"GET", "/ready", get_ready, Body::kNone, true},
      {"GET", "/version", get_version, Body::kNone, true},
      {"GET", "/metrics", get_metrics},
      {"GET", "/v1/models", get_models},
      {"GET", "/v1/models/", get_model},
      {"GET", "/v1/audio/models", get_models},
      {"GET", "/v1/audio/voices", get_voices},
      {"POST", "/v1/audio/voices", post_voice, Body::kForm},
      {"GET", "/v1/audio/voices/", get_voice},
      {"DELETE", "/v1/audio/voices/", delete_voice},
      {"POST", "/v1/audio/speech", post_speech, Body::kJson},
      {"POST", "/v1/audio/speech/batch", post_batch, Body::kJson},
  };
  return kRoutes;
}

bool is_at(const Known& known, std::string_view path) {
  const std::string_view pattern = known.path;
  if (!pattern.ends_with('/')) return pattern == path;
  return path.size() > pattern.size() && path.starts_with(pattern) &&
         path.find('/', pattern.size()) == std::string_view::npos;
}

std::string_view without_port(std::string_view host) {
  const std::size_t colon = host.rfind(':');
  if (colon == std::string_view::npos || host.ends_with(']')) return host;
  return host.substr(0, colon);
}

bool contains(const std::vector<std::string>& list, std::string_view item) {
  return std::find(list.begin(), list.end(), item) != list.end();
}

bool is_loopback(const std::string& host) {
  if (host == "localhost") return true;
  boost::system::error_code failed;
  const auto address = boost::asio::ip::make_address(host, failed);
  return !failed && address.is_loopback();
}

[[noreturn]] void refuse(int status, const char* code,
                         const std::string& message) {
  throw RequestError(
      {.status = status, .code = code, .message = message, .param = {}});
}

// A page that was led here by a name of its own (DNS rebinding) has that name
// in the Host header.
void check_host(const App& app, const HttpRequest& request) {
  if (!app.options.keys.empty() || !is_loopback(app.options.host)) return;
  const std::string header = find_header(request.headers, "Host");
  const std::string name(without_port(header));
  if (is_loopback(name) || name == "[::1]" ||
      contains(app.options.allowed_hosts, name)) {
    return;
  }
  refuse(403, "forbidden_host",
         str_cat("expected a Host header of this machine, got '",
                 printable(header), "' (csm serve --allow-host)"));
}

bool is_own_origin(const HttpRequest& request, const std::string& origin) {
  const std::string host = find_header(request.headers, "Host");
  return origin == "http://" + host || origin == "https://" + host;
}

bool is_allowed_origin(const App& app, const std::string& origin) {
  return contains(app.options.cors_origins, origin) ||
         contains(app.options.cors_origins, "*");
}

void check_origin(const App& app, const HttpRequest& request) {
  const std::string origin = find_header(request.headers, "Origin");
  if (origin.empty() || is_own_origin(request, origin) ||
      is_allowed_origin(app, origin)) {
    return;
  }
  refuse(403, "forbidden_origin",
         "pages of this origin may not ask (csm serve --cors-origin)");
}

void take_request(App& app, const std::string& client) {
  if (const auto seconds = app.limits.take_request(client, now_seconds())) {
    throw RequestError(too_many("rate_limit_exceeded",
                                "this client asks too often", *seconds));
  }
}

void check_key(App& app, HttpRequest& request) {
  if (app.options.keys.empty()) return;
  const std::string key = presented_key(request.headers);
  const auto name = app.options.keys.find(key);
  if (!name) {
    // So often only as anybody may ask: keys are not to be guessed.
    take_request(app, request.client);
    refuse(401, "invalid_api_key",
           key.empty() ? "expected an API key (Authorization: Bearer KEY)"
                       : "this API key is not known");
  }
  request.client = *name;
}

void check_type(const Known& known, const HttpRequest& request) {
  const std::string type = find_header(request.headers, "Content-Type");
  const char* wanted =
      known.body == Body::kJson ? "application/json" : "multipart/form-data";
  if (known.body == Body::kNone || type.starts_with(wanted)) return;
  throw RequestError({.status = 415,
                      .code = "unsupported_media_type",
                      .message = str_cat("expected Content-Type: ", wanted,
                                         ", got '", printable(type), "'"),
                      .param = {}});
}

std::size_t max_body(const App& app, Body body) {
  if (body == Body::kNone) return 0;
  return body == Body::kJson ? app.options.max_json_bytes
                             : app.options.max_upload_bytes + kFormSlack;
}

[[noreturn]] void no_route(const HttpRequest& request,
                           const std::string& allowed) {
  if (allowed.empty()) {
    refuse(404, "not_found", "there is nothing at " + printable(request.path));
  }
  throw RequestError({.status = 405,
                      .code = "method_not_allowed",
                      .message = str_cat("expected ", allowed, " for ",
                                         printable(request.path), ", got ",
                                         printable(request.method, 16)),
                      .param = {},
                      .allow = allowed});
}

// OPTIONS: whether a page of another origin may ask.
void answer_preflight(const std::shared_ptr<App>& app,
                      const HttpRequest& request,
                      const std::shared_ptr<Responder>& responder) {
  HttpResponse response = {.status = 204, .content_type = {}};
  if (!cors_headers(*app, request).empty()) {
    response.headers = {{"Access-Control-Allow-Methods", "GET, POST, DELETE"},
                        {"Access-Control-Allow-Headers",
                         "Authorization, Content-Type, X-API-Key"},
                        {"Access-Control-Max-Age", "600"}};
  }
  responder->send(std::move(response));
}

Handler file_handler(const EmbeddedFile& file) {
  return [file](const std::shared_ptr<App>&, const HttpRequest&,
                const std::shared_ptr<Responder>& responder) {
    send_file(file, *responder);
  };
}

}  // namespace

void check_client(App& app, HttpRequest& request) {
  check_host(app, request);
  check_origin(app, request);
  check_key(app, request);
  take_request(app, request.client);
}

Route find_route(App& app, HttpRequest& request) {
  if (request.method == "OPTIONS") {
    return {.name = "options", .handler = answer_preflight};
  }
  const std::string method = request.method == "HEAD" ? "GET" : request.method;
  std::string allowed;
  for (const Known& known : known_routes()) {
    if (!is_at(known, request.path)) continue;
    if (known.method != method) {
      allowed += (allowed.empty() ? "" : ", ") + std::string(known.method);
      continue;
    }
    if (!known.is_public) check_client(app, request);
    check_type(known, request);
    return {.name = known.path,
            .handler = known.handler,
            .max_body = max_body(app, known.body)};
  }
  if (const auto file = find_embedded(request.path)) {
    if (method == "GET") {
      return {.name = "page", .handler = file_handler(*file)};
    }
    allowed = "GET";
  }
  no_route(request, allowed);
}

Headers cors_headers(const App& app, const HttpRequest& request) {
  const std::string origin = find_header(request.headers, "Origin");
  if (origin.empty() || !is_allowed_origin(app, origin)) return {};
  return {{"Access-Control-Allow-Origin", origin},
          {"Access-Control-Expose-Headers",
           "x-request-id, x-csm-seed, x-csm-frames, x-csm-codes-sha256, "
           "x-csm-finish-reason, Retry-After"},
          {"Vary", "Origin"}};
}

}  // namespace csm::server
