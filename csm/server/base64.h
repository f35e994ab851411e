#pragma once

#include <optional>
#include <string>
#include <string_view>

namespace csm::server {

/// RFC 4648, with padding.
[[nodiscard]] std::string base64_encode(std::string_view bytes);

/// The bytes of base64 text, whose padding may be missing; nothing if it is
/// malformed. A data URI's "data:...;base64," in front is left out.
[[nodiscard]] std::optional<std::string> base64_decode(std::string_view text);

}  // namespace csm::server
