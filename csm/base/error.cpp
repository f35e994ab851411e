#include "csm/base/error.h"

namespace csm {

const char* to_string(ErrorCode code) {
  switch (code) {
    case ErrorCode::kInvalidArgument:
      return "invalid_argument";
    case ErrorCode::kNotFound:
      return "not_found";
    case ErrorCode::kCorrupt:
      return "corrupt";
    case ErrorCode::kUnsupported:
      return "unsupported";
    case ErrorCode::kExhausted:
      return "exhausted";
    case ErrorCode::kBackend:
      return "backend";
    case ErrorCode::kInternal:
      return "internal";
  }
  return "unknown";
}

}  // namespace csm
