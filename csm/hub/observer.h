#pragma once

#include <cstdint>
#include <functional>
#include <string>

namespace csm::hub {

/// What a program hears of a pull, and how it ends one. None may be empty;
/// none may throw.
struct Observer {
  /// Asked several times a second; true ends the work early.
  std::function<bool()> stop;
  /// One line for people: what is waited for.
  std::function<void(const std::string& line)> note;
  /// Before the downloads: bytes that they will bring.
  std::function<void(std::uint64_t bytes)> expect;
  /// Bytes of `file` have come; less than nothing if they must come again.
  std::function<void(const std::string& file, std::int64_t bytes)> came;
};

}  // namespace csm::hub
