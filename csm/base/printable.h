#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <string_view>

namespace csm {

/// Untrusted text made fit for a one-line message: at most `max_bytes` bytes,
/// everything but printable ASCII replaced by '?'.
[[nodiscard]] inline std::string printable(std::string_view text,
                                           std::size_t max_bytes = 80) {
  std::string out(text.substr(0, max_bytes));
  std::replace_if(
      out.begin(), out.end(), [](char c) { return c < ' ' || c > '~'; }, '?');
  if (text.size() > max_bytes) out += "...";
  return out;
}

}  // namespace csm
