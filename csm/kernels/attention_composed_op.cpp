#include "csm/kernels/attention_composed_op.h"

#include <algorithm>
#include <cmath>
#include <optional>
#include <utility>
#include <vector>

namespace csm::kernels::composed {
namespace {

struct Rotation {
  mx::array cos;  // [T, Dh/2]
  mx::array sin;  // [T, Dh/2]
};

Rotation rotation(int n_rows, int position, const mx::array& inv_freq,
                  const mx::Stream& s) {
  const mx::array positions =
      mx::astype(mx::arange(position, position + n_rows, 1, s), mx::float32, s);
  const mx::array angles =
      mx::multiply(mx::expand_dims(positions, 1, s), inv_freq, s);
  return {mx::cos(angles, s), mx::sin(angles, s)};
}

/// [T, H*Dh] -> [H, T, Dh]
mx::array split_heads(const mx::array& x, int n_heads, int head_dim,
                      const mx::Stream& s) {
  return mx::transpose(mx::reshape(x, {x.shape(0), n_heads, head_dim}, s),
                       {1, 0, 2}, s);
}

/// x [H, T, Dh], pairs (j, j + Dh/2)
mx::array rotate(const mx::array& x, const Rotation& r, const mx::Stream& s) {
  const std::vector<mx::array> halves = mx::split(x, 2, 2, s);
  const mx::array a = mx::subtract(mx::multiply(halves[0], r.cos, s),
                                   mx::multiply(halves[1], r.sin, s), s);
  const mx::array b = mx::add(mx::multiply(halves[1], r.cos, s),
                              mx::multiply(halves[0], r.sin, s), s);
  return mx::concatenate({a, b}, 2, s);
}

/// Rows [from, to) of axis 1.
mx::array rows(const mx::array& x, int from, int to, const mx::Stream& s) {
  return mx::slice(x, {0, from, 0}, {x.shape(0), to, x.shape(2)}, s);
}

/// Writes new_rows [Hkv, T, Dh] to the slots of positions position...
mx::array write_rows(mx::array cache, const mx::array& new_rows, int position,
                     const mx::Stream& s) {
  const int capacity = cache.shape(1);
  const int n_rows = new_rows.shape(1);
  for (int done = 0; done < n_rows;) {
    const int slot = (position + done) % capacity;
    const int n = std::min(n_rows - done, capacity - slot);
    const mx::Shape from{0, slot, 0};
    const mx::Shape to{cache.shape(0), slot + n, cache.shape(2)};
    cache =
        mx::slice_update(cache, rows(new_rows, done, done + n, s), from, to, s);
    done += n;
  }
  return cache;
}

/// The cached rows of positions [from, to), in order.  [Hkv, to - from, Dh]
mx::array read_rows(const mx::array& cache, int from, int to,
                    const mx::Stream& s) {
  const int capacity = cache.shape(1);
  const int first = from % capacity;
  const int n_first = std::min(to - from, capacity - first);
  const mx::array head = rows(cache, first, first + n_first, s);
  if (n_first == to - from) return head;
  return mx::concatenate({head, rows(cache, 0, to - from - n_first, s)}, 1, s);
}

/// Additive-free mask [T, to - from]: true where the key is visible.
std::optional<mx::array> visible(int n_rows, int position, int from, int window,
                                 const mx::Stream& s) {
  if (n_rows == 1) return std::nullopt;
  const int to = position + n_rows;
  const mx::array query = mx::expand_dims(mx::arange(position, to, 1, s), 1, s);
  const mx::array age = mx::subtract(query, mx::arange(from, to, 1, s), s);
  const mx::array causal = mx::greater_equal(age, mx::array(0), s);
  if (window == 0) return causal;
  return mx::logical_and(causal, mx::less(age, mx::array(window), s), s);
}

}  // namespace

AttentionResult attention(const mx::array& q, const mx::array& k,
                          const mx::array& v, mx::array k_cache,
                          mx::array v_cache, int position,
                          const mx::array& inv_freq,
                          const AttentionShape& shape, const mx::Stream& s) {
  const int n_rows = q.shape(0);
  const Rotation r = rotation(n_rows, position, inv_freq, s);
  const mx::array queries =
      rotate(split_heads(q, shape.n_heads, shape.head_dim, s), r, s);
  const mx::array new_keys =
      rotate(split_heads(k, shape.n_kv_heads, shape.head_dim, s), r, s);
  const mx::array new_values =
      split_heads(v, shape.n_kv_heads, shape.head_dim, s);
  k_cache = write_rows(std::move(k_cache), new_keys, position, s);
  v_cache = write_rows(std::move(v_cache), new_values, position, s);

  const int from =
      shape.window > 0 ? std::max(0, position - shape.window + 1) : 0;
  const int to = position + n_rows;
  const float scale = 1.0F / std::sqrt(static_cast<float>(shape.head_dim));
  const std::optional<mx::array> mask =
      visible(n_rows, position, from, shape.window, s);
  const mx::array out = mx::fast::scaled_dot_product_attention(
      mx::expand_dims(queries, 0, s),
      mx::expand_dims(read_rows(k_cache, from, to, s), 0, s),
      mx::expand_dims(read_rows(v_cache, from, to, s), 0, s), scale,
      mask ? "array" : "", mask, std::nullopt, false, s);
  const mx::array joined =
      mx::reshape(mx::transpose(mx::squeeze(out, 0, s), {1, 0, 2}, s),
                  {n_rows, shape.n_heads * shape.head_dim}, s);
  return {joined, k_cache, v_cache};
}

}  // namespace csm::kernels::composed
