#pragma once

#include <array>
#include <cstddef>
#include <span>
#include <vector>

namespace csm::engine {

/// How a take ends: what its last sounds are like, level aside.
///
/// Of each 20 ms the logarithms of the power in bands that are even in mel,
/// less their mean.
using TakeEnd = std::vector<std::array<double, 24>>;

/// The end of a take.
///
/// sound  [n] mono, up to its last sound; the last 0.7 s count
[[nodiscard]] TakeEnd measure_end(std::span<const float> sound, int rate_hz);

/// How much two ends differ: the mean distance in nats along the cheapest way
/// to pair them in time (dynamic time warping). 0 if one is empty.
[[nodiscard]] double end_distance(const TakeEnd& one, const TakeEnd& other);

}  // namespace csm::engine
