#include "csm/server/api_error.h"

#include <utility>

namespace csm::server {
namespace {

OrderedJson text_or_null(const std::string& text) {
  return text.empty() ? OrderedJson() : OrderedJson(text);
}

}  // namespace

OrderedJson to_json(const ApiError& error) {
  OrderedJson inner = {{"message", error.message}, {"type", error.type}};
  inner["param"] = text_or_null(error.param);
  inner["code"] = text_or_null(error.code);
  OrderedJson json;
  json["error"] = std::move(inner);
  return json;
}

std::string dump(const OrderedJson& json) {
  return json.dump(-1, ' ', false, OrderedJson::error_handler_t::replace);
}

ApiError bad_request(std::string code, std::string param, std::string message) {
  return {.code = std::move(code),
          .message = std::move(message),
          .param = std::move(param)};
}

ApiError too_many(std::string code, std::string message, int retry_after_s) {
  return {.status = 429,
          .type = "rate_limit_error",
          .code = std::move(code),
          .message = std::move(message),
          .param = {},
          .retry_after_s = retry_after_s};
}

ApiError api_error_of(const Error& error) {
  if (const auto* request = dynamic_cast<const RequestError*>(&error)) {
    return request->api_error();
  }
  switch (error.code()) {
    case ErrorCode::kInvalidArgument:
    case ErrorCode::kCorrupt:
    case ErrorCode::kUnsupported:
      return bad_request("invalid_value", "", error.what());
    case ErrorCode::kExhausted:
      return bad_request("input_too_long", "input", error.what());
    case ErrorCode::kNotFound:
      return {.status = 404,
              .code = "not_found",
              .message = error.what(),
              .param = {}};
    case ErrorCode::kBackend:
    case ErrorCode::kInternal:
      break;
  }
  return {.status = 500,
          .type = "server_error",
          .code = "synthesis_failed",
          .message = "the server failed to speak this",
          .param = {}};
}

RequestError::RequestError(ApiError error)
    : Error(ErrorCode::kInvalidArgument, error.message),
      error_(std::move(error)) {}

}  // namespace csm::server
