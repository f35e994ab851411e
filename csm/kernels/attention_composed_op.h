#pragma once

#include "csm/kernels/attention_op.h"

namespace csm::kernels::composed {

/// attention() as a composition of MLX's operations. Arguments have been
/// checked.
[[nodiscard]] AttentionResult attention(const mx::array& q, const mx::array& k,
                                        const mx::array& v, mx::array k_cache,
                                        mx::array v_cache, int position,
                                        const mx::array& inv_freq,
                                        const AttentionShape& shape,
                                        const mx::Stream& s);

}  // namespace csm::kernels::composed
