#pragma once

#include <array>
#include <cstdint>

namespace csm::sampling {

/// Philox4x32-10: 128 pseudo-random bits of a counter and a key.
///
/// counter  words 0 (low) .. 3 (high)
/// key      words 0 (low), 1 (high)
///
/// Exact: the three known-answer vectors of the paper's library
///   (csm/sampling/philox_test.cpp).
/// Source: Salmon, Moraes, Dror, Shaw, "Parallel random numbers: as easy as
///   1, 2, 3", SC 2011.
std::array<std::uint32_t, 4> philox4x32(std::array<std::uint32_t, 4> counter,
                                        std::array<std::uint32_t, 2> key);

}  // namespace csm::sampling
