#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

namespace csm::hub {

/// What a server answered to one request, redirects not followed.
struct Response {
  int status = 0;                              ///< 0: there was no answer
  std::map<std::string, std::string> headers;  ///< names in lower case
  std::string redirect;  ///< absolute; empty unless the answer names a place
  /// Why the answer is not whole ("connection refused", "the server broke
  /// off"); empty if it is.
  std::string failure;
  bool hopeless = false;  ///< asking again will fail the same way
  bool stopped = false;   ///< by the sink or by stop

  [[nodiscard]] bool ok() const { return status >= 200 && status < 300; }
  /// Empty if absent.
  [[nodiscard]] std::string header(const std::string& name) const;
  /// Nothing if absent or no number.
  [[nodiscard]] std::optional<std::uint64_t> number(
      const std::string& header_name) const;
  [[nodiscard]] std::optional<std::uint64_t> length() const {
    return number("content-length");
  }
};

struct Request {
  std::string url;
  bool head = false;                 ///< headers only
  std::vector<std::string> headers;  ///< "Name: value"
};

/// Requests over HTTP and HTTPS, by libcurl; keeps connections for the next
/// one. Certificates are verified; proxies as libcurl's environment variables
/// have them.
///
/// Movable only. Threads: one thread at a time.
class HttpClient {
 public:
  /// Asked several times a second; true ends the request.
  using Stop = std::function<bool()>;
  /// Takes the next bytes of the body of a successful answer, whose headers are
  /// in `response`; false ends the request. Must not throw.
  using Sink = std::function<bool(const Response& response,
                                  std::span<const std::byte> bytes)>;

  /// Throws: Error{kBackend} if libcurl does not start.
  explicit HttpClient(Stop stop);
  ~HttpClient();
  HttpClient(HttpClient&&) noexcept;
  HttpClient& operator=(HttpClient&&) noexcept;

  /// Failures of the network are values, for callers that try again. The body
  /// of an answer that is not ok() is dropped.
  [[nodiscard]] Response send(const Request& request, const Sink& sink);

 private:
  struct Impl;
  std::unique_ptr<Impl> impl_;
};

/// "scheme://host:port" of a URL in lower case, with the port that the scheme
/// stands for; empty if it is none.
[[nodiscard]] std::string origin_of(const std::string& url);

}  // namespace csm::hub
