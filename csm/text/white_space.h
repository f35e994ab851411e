#pragma once

#include <cstddef>
#include <string_view>

namespace csm::text {

inline constexpr std::string_view kWhiteSpace = " \t\r\n\f\v";

/// `text` without ASCII white space at its ends.
[[nodiscard]] inline std::string_view trim(std::string_view text) {
  const std::size_t begin = text.find_first_not_of(kWhiteSpace);
  if (begin == std::string_view::npos) return {};
  return text.substr(begin, text.find_last_not_of(kWhiteSpace) - begin + 1);
}

}  // namespace csm::text
