#pragma once

#include <optional>

#include "csm/kernels/conv_op.h"

namespace csm::kernels::fused {

// The functions of conv_op.h as one node each over our CPU kernels. Arguments
// have been checked.

[[nodiscard]] ConvResult conv1d(const Exec& exec, const mx::array& x,
                                const mx::array& state, const Conv& conv,
                                const std::optional<mx::array>& residual);
[[nodiscard]] ConvResult conv_transpose1d(const Exec& exec, const mx::array& x,
                                          const mx::array& state,
                                          const ConvTranspose& conv);
[[nodiscard]] ConvResult upsample_depthwise(const Exec& exec,
                                            const mx::array& x,
                                            const mx::array& state,
                                            const mx::array& weight,
                                            int stride);

}  // namespace csm::kernels::fused
