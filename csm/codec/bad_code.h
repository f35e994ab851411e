#pragma once

#include <cstdint>
#include <optional>
#include <span>

namespace csm::codec {

/// A code that is out of its range, and where.
struct BadCode {
  std::int32_t code = 0;
  std::int64_t frame = 0;
  int codebook = 0;
};

/// The first of the codes [n_frames, n_codebooks] outside [0, limit).
[[nodiscard]] std::optional<BadCode> first_bad_code(
    std::span<const std::int32_t> codes, int n_codebooks, std::int32_t limit);

}  // namespace csm::codec
