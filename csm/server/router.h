#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <string>

#include "csm/server/app.h"
#include "csm/server/http_message.h"

namespace csm::server {

/// Answers one request. What it throws is answered for it.
using Handler =
    std::function<void(const std::shared_ptr<App>&, const HttpRequest&,
                       const std::shared_ptr<Responder>&)>;

/// What is decided about a request before its body is read.
struct Route {
  std::string name;  ///< one of few, for metrics
  Handler handler;
  std::size_t max_body = 0;
};

/// The route of a request, whose body is not there yet.
///
/// Throws: RequestError with 401, 403, 404, 405, 413, 415 or 429.
[[nodiscard]] Route find_route(App& app, HttpRequest& request);

/// Whether a request may be a WebSocket's beginning at all: its key, its
/// origin and its host. Sets request.client.
///
/// Throws: RequestError with 401, 403 or 429.
void check_client(App& app, HttpRequest& request);

/// Headers that let a page of another origin read an answer; none if it may
/// not.
[[nodiscard]] Headers cors_headers(const App& app, const HttpRequest& request);

}  // namespace csm::server
