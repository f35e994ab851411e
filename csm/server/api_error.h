#pragma once

#include <string>

#include "csm/base/error.h"
#include "csm/base/json.h"

namespace csm::server {

/// What a client is told when its request cannot be fulfilled: OpenAI's four
/// keys, and the status that they travel with.
struct ApiError {
  int status = 400;
  std::string type = "invalid_request_error";
  std::string code;        ///< for programs; empty: null
  std::string message;     ///< for people
  std::string param;       ///< the field that is wrong; empty: null
  int retry_after_s = 0;   ///< Retry-After
  std::string allow = {};  ///< methods, of status 405
};

/// {"error": {"message", "type", "param", "code"}}
[[nodiscard]] OrderedJson to_json(const ApiError& error);

/// JSON as it goes out: bytes that are not UTF-8 are replaced.
[[nodiscard]] std::string dump(const OrderedJson& json);

/// Status 400 about one field.
[[nodiscard]] ApiError bad_request(std::string code, std::string param,
                                   std::string message);

/// 429 with Retry-After.
[[nodiscard]] ApiError too_many(std::string code, std::string message,
                                int retry_after_s);

/// What a failure of the engine means for the client. Of failures that are not
/// the client's, nothing but their kind is told.
[[nodiscard]] ApiError api_error_of(const Error& error);

/// A request that is refused, on its way to whoever answers it.
class RequestError : public Error {
 public:
  explicit RequestError(ApiError error);

  [[nodiscard]] const ApiError& api_error() const { return error_; }

 private:
  ApiError error_;
};

}  // namespace csm::server
