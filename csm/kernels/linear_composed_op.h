#pragma once

#include <optional>
#include <vector>

#include "csm/kernels/linear_op.h"

namespace csm::kernels::composed {

// The functions of linear_op.h as compositions of MLX's operations, for GPU
// streams and as the oracle of the CPU kernels. Arguments have been checked.

[[nodiscard]] mx::array linear(const mx::array& x, const Matrix& w,
                               const mx::Stream& s);
[[nodiscard]] mx::array linear_residual(const mx::array& x, const Matrix& w,
                                        const mx::array& residual,
                                        const std::optional<mx::array>& scale,
                                        const mx::Stream& s);
[[nodiscard]] mx::array normalize(const mx::array& x, const Norm& norm,
                                  const mx::Stream& s);
[[nodiscard]] mx::array silu(const mx::array& x, const mx::Stream& s);
[[nodiscard]] mx::array gelu(const mx::array& x, const mx::Stream& s);
[[nodiscard]] mx::array elu(const mx::array& x, const mx::Stream& s);

}  // namespace csm::kernels::composed
