#pragma once

#include <optional>
#include <vector>

#include "csm/kernels/linear_op.h"

namespace csm::kernels::fused {

// The functions of linear_op.h as one node each over our CPU kernels.
// Arguments have been checked.

[[nodiscard]] mx::array linear(const Exec& exec, const mx::array& x,
                               const Matrix& w);
[[nodiscard]] mx::array linear_residual(const Exec& exec, const mx::array& x,
                                        const Matrix& w,
                                        const mx::array& residual,
                                        const std::optional<mx::array>& scale);
[[nodiscard]] mx::array normalize(const Exec& exec, const mx::array& x,
                                  const Norm& norm);
[[nodiscard]] std::vector<mx::array> norm_linear(const Exec& exec,
                                                 const mx::array& x,
                                                 const Norm& norm,
                                                 const std::vector<Matrix>& ws);
[[nodiscard]] mx::array gated_mlp(const Exec& exec, const mx::array& x,
                                  const Norm& norm, const Matrix& gate,
                                  const Matrix& up, const Matrix& down);
[[nodiscard]] mx::array gelu_mlp(const Exec& exec, const mx::array& x,
                                 const Norm& norm, const Matrix& fc1,
                                 const Matrix& fc2,
                                 const mx::array& layer_scale);

}  // namespace csm::kernels::fused
