#pragma once

#include <sstream>
#include <string>

namespace csm {

/// Concatenates the textual forms of all arguments (as operator<< writes them).
template <class... Args>
[[nodiscard]] std::string str_cat(const Args&... args) {
  std::ostringstream out;
  (out << ... << args);
  return std::move(out).str();
}

}  // namespace csm
