#pragma once

#include <optional>

#include "csm/kernels/conv_op.h"

namespace csm::kernels::composed {

// The functions of conv_op.h as compositions of MLX's operations. Arguments
// have been checked.

[[nodiscard]] ConvResult conv1d(const mx::array& x, const mx::array& state,
                                const Conv& conv,
                                const std::optional<mx::array>& residual,
                                const mx::Stream& s);
[[nodiscard]] ConvResult conv_transpose1d(const mx::array& x,
                                          const mx::array& state,
                                          const ConvTranspose& conv,
                                          const mx::Stream& s);
[[nodiscard]] ConvResult upsample_depthwise(const mx::array& x,
                                            const mx::array& state,
                                            const mx::array& weight, int stride,
                                            const mx::Stream& s);

}  // namespace csm::kernels::composed
