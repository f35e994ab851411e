#include "csm/kernels/attention_op.h"

#include <algorithm>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/kernels/attention_composed_op.h"
#include "csm/kernels/attention_fused_op.h"
#include "csm/kernels/check_op.h"

namespace csm::kernels {
namespace {

void require_shape(const AttentionShape& shape) {
  require_at_least("attention", "n_kv_heads", shape.n_kv_heads, 1);
  require_at_least("attention", "n_heads", shape.n_heads, 1);
  require_at_least("attention", "head_dim", shape.head_dim, 2);
  require_at_least("attention", "window", shape.window, 0);
  if (shape.n_heads % shape.n_kv_heads != 0 || shape.head_dim % 2 != 0) {
    throw Error(
        ErrorCode::kInvalidArgument,
        str_cat("[kernels.attention] expected n_kv_heads to divide "
                "n_heads and an even head_dim, got ",
                shape.n_kv_heads, ", ", shape.n_heads, ", ", shape.head_dim));
  }
}

void require_room(int n_rows, int capacity, int position, int window) {
  require_at_least("attention", "position", position, 0);
  if (n_rows <= capacity - position) return;
  if (window == 0) {
    throw Error(ErrorCode::kExhausted,
                str_cat("[kernels.attention] expected at most ", capacity,
                        " positions, got ", position, " + ", n_rows));
  }
  if (capacity - (window - 1) < n_rows) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[kernels.attention] expected a ring of at least "
                        "window + rows - 1 = ",
                        window, " + ", n_rows, " - 1 slots, got ", capacity));
  }
}

}  // namespace

AttentionResult attention(const Exec& exec, const mx::array& q,
                          const mx::array& k, const mx::array& v,
                          mx::array k_cache, mx::array v_cache, int position,
                          const mx::array& inv_freq,
                          const AttentionShape& shape) {
  require_shape(shape);
  const int kv_width = shape.n_kv_heads * shape.head_dim;
  require_array("attention", "q", q,
                {kAnyExtent, shape.n_heads * shape.head_dim});
  require_array("attention", "k", k, {q.shape(0), kv_width});
  require_array("attention", "v", v, {q.shape(0), kv_width});
  require_array("attention", "k_cache", k_cache,
                {shape.n_kv_heads, kAnyExtent, shape.head_dim});
  const int capacity = k_cache.shape(1);
  require_array("attention", "v_cache", v_cache,
                {shape.n_kv_heads, capacity, shape.head_dim});
  require_array("attention", "inv_freq", inv_freq, {shape.head_dim / 2});
  require_room(q.shape(0), capacity, position, shape.window);
  if (exec.use_cpu_kernels()) {
    return fused::attention(exec, q, k, v, std::move(k_cache),
                            std::move(v_cache), position, inv_freq, shape);
  }
  return composed::attention(q, k, v, std::move(k_cache), std::move(v_cache),
                             position, inv_freq, shape, exec.stream);
}

}  // namespace csm::kernels
