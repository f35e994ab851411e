#include "csm/kernels/attention_fused_op.h"

#include <algorithm>
#include <memory>
#include <utility>
#include <vector>

#include "csm/kernels/attention.h"
#include "csm/kernels/primitive_op.h"

namespace csm::kernels::fused {
namespace {

using Arrays = std::vector<mx::array>;

/// Sizes of one call, with all pointers null.
Attention sizes_of(const mx::array& rows, const mx::array& cache, int position,
                   const AttentionShape& shape) {
  return {.n_rows = rows.shape(0),
          .n_heads = shape.n_heads,
          .n_kv_heads = shape.n_kv_heads,
          .head_dim = shape.head_dim,
          .capacity = cache.shape(1),
          .window = shape.window,
          .position = position};
}

class AttentionPrimitive : public CpuPrimitive {
 public:
  AttentionPrimitive(const Exec& exec, const char* name, const Attention& sizes)
      : CpuPrimitive(exec, name), sizes_(sizes) {}

 protected:
  [[nodiscard]] const Attention& sizes() const { return sizes_; }

  /// Makes `out` the cache to be updated: the input's buffer if nobody else
  /// holds it (returns null), else a new one to be filled from the pointer.
  [[nodiscard]] const float* take_over(const mx::array& cache, mx::array& out) {
    if (cache.is_donatable() && cache.flags().row_contiguous) {
      out.copy_shared_buffer(cache);
      return nullptr;
    }
    const float* from = dense_f32(cache);
    static_cast<void>(allocate(out));
    return from;
  }

 private:
  Attention sizes_;
};

/// Inputs: k, inv_freq, cache.
class WriteKeys final : public AttentionPrimitive {
 public:
  WriteKeys(const Exec& exec, const Attention& sizes)
      : AttentionPrimitive(exec, "csm::WriteKeys", sizes) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    Attention a = sizes();
    const float* old = take_over(in[2], out[0]);
    a.k = dense_f32(in[0]);
    a.inv_freq = dense_f32(in[1]);
    a.k_cache = out[0].data<float>();
    dispatch([a, old, n = out[0].size()] {
      if (old != nullptr) std::copy_n(old, n, a.k_cache);
      write_keys(a, make_scratch(rope_scratch(a)).get());
    });
  }
};

/// Inputs: v, cache.
class WriteValues final : public AttentionPrimitive {
 public:
  WriteValues(const Exec& exec, const Attention& sizes)
      : AttentionPrimitive(exec, "csm::WriteValues", sizes) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    Attention a = sizes();
    const float* old = take_over(in[1], out[0]);
    a.v = dense_f32(in[0]);
    a.v_cache = out[0].data<float>();
    dispatch([a, old, n = out[0].size()] {
      if (old != nullptr) std::copy_n(old, n, a.v_cache);
      write_values(a);
    });
  }
};

/// Inputs: q, inv_freq, updated key cache, updated value cache.
class Attend final : public AttentionPrimitive {
 public:
  Attend(const Exec& exec, const Attention& sizes)
      : AttentionPrimitive(exec, "csm::Attend", sizes) {}

  void eval_cpu(const Arrays& in, Arrays& out) override {
    Attention a = sizes();
    a.q = dense_f32(in[0]);
    a.inv_freq = dense_f32(in[1]);
    a.k_read = dense_f32(in[2]);
    a.v_read = dense_f32(in[3]);
    a.out = allocate(out[0]);
    dispatch([a, pool = pool(), isa = isa()] {
      attend(a, make_scratch(attend_scratch(a, pool)).get(), pool, isa);
    });
  }
};

}  // namespace

AttentionResult attention(const Exec& exec, const mx::array& q,
                          const mx::array& k, const mx::array& v,
                          mx::array k_cache, mx::array v_cache, int position,
                          const mx::array& inv_freq,
                          const AttentionShape& shape) {
  const Attention sizes = sizes_of(q, k_cache, position, shape);
  const mx::Shape cache_shape = k_cache.shape();
  // The caches move into the nodes, so that these are their only owners.
  Arrays key_inputs{k, inv_freq};
  key_inputs.push_back(std::move(k_cache));
  Arrays value_inputs{v};
  value_inputs.push_back(std::move(v_cache));
  const mx::array keys =
      run_primitive(exec, std::make_shared<WriteKeys>(exec, sizes), cache_shape,
                    mx::float32, std::move(key_inputs));
  const mx::array values =
      run_primitive(exec, std::make_shared<WriteValues>(exec, sizes),
                    cache_shape, mx::float32, std::move(value_inputs));
  const mx::array out =
      run_primitive(exec, std::make_shared<Attend>(exec, sizes), q.shape(),
                    mx::float32, {q, inv_freq, keys, values});
  return {out, keys, values};
}

}  // namespace csm::kernels::fused
