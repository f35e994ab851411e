#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace csm {

/// Bytes that the process can still use without swapping: what the system has
/// available, or what is left of the process's control group, if that is less.
/// Nothing where the system does not tell.
[[nodiscard]] std::optional<std::uint64_t> available_memory();

/// Most bytes that the process has held in memory so far (Linux: VmHWM).
[[nodiscard]] std::uint64_t peak_memory();

/// The number before " kB" in the line "<key>: <number> kB" of /proc text, in
/// bytes; nothing if there is no such line.
[[nodiscard]] std::optional<std::uint64_t> proc_bytes(std::string_view text,
                                                      std::string_view key);

}  // namespace csm
