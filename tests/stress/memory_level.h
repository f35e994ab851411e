#pragma once

#include <cstdint>
#include <string>

namespace csm::stress {

/// What the process holds.
struct MemoryLevel {
  std::int64_t heap = 0;      ///< bytes that are allocated and not freed
  std::int64_t resident = 0;  ///< in memory, whoever needs it
};

[[nodiscard]] MemoryLevel memory_level();

/// What is wrong with the level at the end, given that after warm-up, in both
/// cases without a session; empty if nothing is.
[[nodiscard]] std::string growth(const MemoryLevel& warm,
                                 const MemoryLevel& end);

}  // namespace csm::stress
