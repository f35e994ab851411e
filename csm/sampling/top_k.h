#pragma once

#include <span>

namespace csm::sampling {

/// The k-th largest element, counting equal ones separately (torch.topk's
/// last value). -0 and +0 are equal; either may be returned.
///
/// values  [n] float32, no NaN, n >= 1; infinities allowed
/// k       in 1..n
/// Allocates nothing: bisects on the bit patterns with counting passes, which
/// vectorise.
[[nodiscard]] float kth_largest(std::span<const float> values, int k);

}  // namespace csm::sampling
