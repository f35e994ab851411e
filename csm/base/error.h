#pragma once

#include <stdexcept>
#include <string>

namespace csm {

/// The closed set of failure classes. Callers branch on the code, people read
/// the message.
enum class ErrorCode {
  kInvalidArgument,  ///< the caller passed something out of range
  kNotFound,         ///< a file, model, tensor or voice does not exist
  kCorrupt,          ///< a file is malformed, truncated or contradicts itself
  kUnsupported,      ///< valid, but not something that this build can do
  kExhausted,        ///< no room: memory, disk, context, queue
  kBackend,          ///< MLX or a system library failed
  kInternal,         ///< a bug of ours
};

/// Stable lower-case name of a code, e.g. "invalid_argument".
const char* to_string(ErrorCode code);

/// The only exception type that csm throws.
///
/// Messages are one line of the form
/// `[part.unit] expected X, got Y (file/tensor/field)`.
class Error : public std::runtime_error {
 public:
  Error(ErrorCode code, const std::string& message)
      : std::runtime_error(message), code_(code) {}

  [[nodiscard]] ErrorCode code() const noexcept { return code_; }

 private:
  ErrorCode code_;
};

}  // namespace csm
