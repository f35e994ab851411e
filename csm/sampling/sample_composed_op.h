#pragma once

#include "csm/sampling/sample_op.h"

namespace csm::sampling::composed {

/// sample_counted from MLX's own operations; arguments are already checked.
[[nodiscard]] Sampled sample_counted(const mx::array& logits,
                                     const mx::array& noise,
                                     const SamplerOptions& options,
                                     const mx::Stream& stream);

}  // namespace csm::sampling::composed
