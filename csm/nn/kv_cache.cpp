#include "csm/nn/kv_cache.h"

#include <algorithm>
#include <climits>
#include <cstddef>
#include <utility>

#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::nn {
namespace {

constexpr int kGrowth = 256;  // positions

}  // namespace

KvCache::KvCache(const KvCacheShape& shape) : shape_(shape) {
  CSM_CHECK(shape.n_layers > 0 && shape.n_kv_heads > 0 && shape.head_dim > 0,
            "sizes must be positive");
  CSM_CHECK(shape.max_positions > 0 && shape.max_positions >= shape.window,
            "the cache must hold its window");
}

int KvCache::room() const {
  return shape_.window > 0 ? INT_MAX - position_
                           : shape_.max_positions - position_;
}

void KvCache::reserve(const kernels::Exec& exec, int n_rows) {
  if (n_rows > room()) {
    throw Error(
        ErrorCode::kExhausted,
        str_cat("[nn.kv_cache] expected at most ", shape_.max_positions,
                " positions, got ", static_cast<long>(position_) + n_rows));
  }
  // A ring is allocated whole: growing it would move the slots.
  const int needed =
      shape_.window > 0 ? shape_.max_positions : position_ + n_rows;
  if (needed <= capacity_) {
    return;
  }
  const int capacity = std::min((needed + kGrowth - 1) / kGrowth * kGrowth,
                                shape_.max_positions);
  const mx::array added =
      mx::zeros({shape_.n_kv_heads, capacity - capacity_, shape_.head_dim},
                mx::float32, exec.stream);
  const auto n_layers = static_cast<std::size_t>(shape_.n_layers);
  if (capacity_ == 0) {
    keys_.assign(n_layers, added);
    values_.assign(n_layers, added);
  } else {
    for (auto* arrays : {&keys_, &values_}) {
      for (mx::array& array : *arrays) {
        array = mx::concatenate({array, added}, 1, exec.stream);
      }
    }
  }
  capacity_ = capacity;
}

mx::array KvCache::attend(const kernels::Exec& exec, int layer,
                          const mx::array& q, const mx::array& k,
                          const mx::array& v, const mx::array& inv_freq,
                          int n_heads) {
  const auto idx = static_cast<std::size_t>(layer);
  CSM_CHECK(idx < keys_.size(), "reserve() comes first");
  const kernels::AttentionShape shape{.n_heads = n_heads,
                                      .n_kv_heads = shape_.n_kv_heads,
                                      .head_dim = shape_.head_dim,
                                      .window = shape_.window};
  kernels::AttentionResult result = kernels::attention(
      exec, q, k, v, keys_[idx], values_[idx], position_, inv_freq, shape);
  // Dropping the old handles lets the evaluation reuse their memory.
  keys_[idx] = std::move(result.k_cache);
  values_[idx] = std::move(result.v_cache);
  return std::move(result.out);
}

void KvCache::append_arrays(std::vector<mx::array>& out) const {
  out.insert(out.end(), keys_.begin(), keys_.end());
  out.insert(out.end(), values_.begin(), values_.end());
}

}  // namespace csm::nn
