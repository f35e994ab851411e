#pragma once

#include "csm/kernels/attention_op.h"

namespace csm::kernels::fused {

/// attention() over our CPU kernels: three nodes, two of which update a cache.
/// (MLX lets only nodes with a single output take over an input's buffer.)
/// Arguments have been checked.
[[nodiscard]] AttentionResult attention(const Exec& exec, const mx::array& q,
                                        const mx::array& k, const mx::array& v,
                                        mx::array k_cache, mx::array v_cache,
                                        int position, const mx::array& inv_freq,
                                        const AttentionShape& shape);

}  // namespace csm::kernels::fused
