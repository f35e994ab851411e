#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "csm/server/api_error.h"

namespace csm::server {

using Headers = std::vector<std::pair<std::string, std::string>>;

/// The value of a header, whatever the case of its name; empty if absent.
[[nodiscard]] std::string find_header(const Headers& headers,
                                      std::string_view name);

/// A request as handlers see it.
struct HttpRequest {
  std::string id;      ///< ours, for headers and logs
  std::string method;  ///< "GET"
  std::string path;    ///< decoded, without the query
  std::map<std::string, std::string> query;
  Headers headers;
  std::string body;
  std::string client;  ///< whose limits count: the key's name, else the address
  double arrived = 0;  ///< steady seconds (now_seconds)
};

/// A whole answer, or the beginning of one that is streamed.
struct HttpResponse {
  int status = 200;
  std::string content_type = "application/json";
  Headers headers = {};
  std::string body = {};
};

[[nodiscard]] HttpResponse json_response(const OrderedJson& json,
                                         int status = 200);
/// With Retry-After where it belongs.
[[nodiscard]] HttpResponse error_response(const ApiError& error);

/// Where the answer to one request goes. If the client leaves, nothing that is
/// called has any effect any more.
///
/// Threads: the server's thread.
class Responder {
 public:
  Responder() = default;
  virtual ~Responder() = default;
  Responder(const Responder&) = delete;
  Responder& operator=(const Responder&) = delete;

  /// The whole answer.
  virtual void send(HttpResponse response) = 0;

  /// An answer that comes piece by piece: its head...
  virtual void begin(HttpResponse head, const std::string& trailers) = 0;
  /// ...pieces; sent() is called when one has left for the network...
  virtual void write(std::string bytes, std::function<void()> sent) = 0;
  /// ...and the end, with what the head announced as trailers.
  virtual void finish(const Headers& trailers) = 0;

  /// Cuts the connection, because an answer that has begun cannot end well.
  virtual void abort() = 0;

  /// What to do when the client leaves before the end.
  virtual void on_gone(std::function<void()> gone) = 0;
};

/// Seconds of a clock that never goes back.
[[nodiscard]] double now_seconds();

/// "%41+b" as "A b"; nothing if it is malformed or has a NUL in it.
[[nodiscard]] std::optional<std::string> url_decode(std::string_view text);

/// Takes a request's target apart into path and query.
///
/// returns  false if it is malformed
[[nodiscard]] bool read_target(std::string_view target, HttpRequest& request);

}  // namespace csm::server
