#include "csm/nn/kv_cache.h"

#include <algorithm>
#include <climits>
#include <cstddef>
#include <utility>

#include "csm/base/check.h"
#include "csm/base/error.h"
#include "csm/base/round_up.h"
#include "csm/base/str_cat.h"
#include "csm/kernels/rows_op.h"

namespace csm::nn {
namespace {

constexpr int kGrowth = 256;  // positions

/// The rows of each share.
std::vector<mx::array> split_rows(const kernels::Exec& exec,
                                  std::span<const CacheShare> shares,
                                  const mx::array& x) {
  std::vector<mx::array> parts;
  int end = 0;
  for (const CacheShare& share : shares) {
    const int begin = end;
    end += share.n_rows();
    parts.push_back(kernels::slice_rows(exec, x, begin, end));
  }
  return parts;
}

}  // namespace

KvCache::KvCache(const KvCacheShape& shape) : shape_(shape) {
  CSM_CHECK(shape.n_layers > 0 && shape.n_kv_heads > 0 && shape.head_dim > 0,
            "sizes must be positive");
  CSM_CHECK(shape.n_sequences > 0, "a cache has a sequence");
  CSM_CHECK(shape.max_positions > 0 && shape.max_positions >= shape.window,
            "the cache must hold its window");
}

int KvCache::room() const {
  return shape_.window > 0 ? INT_MAX - position_
                           : shape_.max_positions - position_;
}

void KvCache::reserve(const kernels::Exec& exec, int n_positions) {
  if (n_positions > room()) {
    throw Error(ErrorCode::kExhausted,
                str_cat("[nn.kv_cache] expected at most ", shape_.max_positions,
                        " positions, got ",
                        static_cast<long>(position_) + n_positions));
  }
  // A ring is allocated whole: growing it would move the slots.
  const int needed =
      shape_.window > 0 ? shape_.max_positions : position_ + n_positions;
  if (needed <= capacity_) {
    return;
  }
  const int capacity =
      std::min(round_up(needed, kGrowth), shape_.max_positions);
  const auto added = [&] {
    return kernels::zeros(exec, {shape_.n_sequences * shape_.n_kv_heads,
                                 capacity - capacity_, shape_.head_dim});
  };
  for (auto* arrays : {&keys_, &values_}) {
    if (capacity_ == 0) {
      for (int layer = 0; layer < shape_.n_layers; ++layer) {
        arrays->push_back(added());
      }
    } else {
      for (mx::array& array : *arrays) {
        array = mx::concatenate({array, added()}, 1, exec.stream);
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
  // Sequences in step are heads of one sequence: they share all but the rows.
  const int n = shape_.n_sequences;
  const auto as_heads = [&](const mx::array& x) {
    return kernels::reshaped(exec, x, {x.shape(0) / n, n * x.shape(1)});
  };
  const kernels::AttentionShape shape{.n_heads = n * n_heads,
                                      .n_kv_heads = n * shape_.n_kv_heads,
                                      .head_dim = shape_.head_dim,
                                      .window = shape_.window};
  // Giving up the old handles lets their memory be reused.
  kernels::AttentionResult result = kernels::attention(
      exec, as_heads(q), as_heads(k), as_heads(v), std::move(keys_[idx]),
      std::move(values_[idx]), position_, inv_freq, shape);
  keys_[idx] = std::move(result.k_cache);
  values_[idx] = std::move(result.v_cache);
  return kernels::reshaped(exec, result.out, q.shape());
}

void KvCache::append_arrays(std::vector<mx::array>& out) const {
  out.insert(out.end(), keys_.begin(), keys_.end());
  out.insert(out.end(), values_.begin(), values_.end());
}

void KvCache::rewind(int n_positions) {
  CSM_CHECK(shape_.window == 0, "a ring has overwritten its past");
  CSM_CHECK(n_positions >= 0 && n_positions <= position_,
            "only what was written can be forgotten");
  position_ = n_positions;
}

KvRows KvCache::read_rows(const kernels::Exec& exec) const {
  CSM_CHECK(shape_.window == 0, "a ring has overwritten its past");
  const auto written = [&](const std::vector<mx::array>& layers) {
    std::vector<float> out;
    for (const mx::array& layer : layers) {
      const mx::array rows = mx::contiguous(
          mx::slice(layer, {0, 0, 0},
                    {layer.shape(0), position_, layer.shape(2)}, exec.stream),
          false, exec.stream);
      mx::eval(rows);
      out.insert(out.end(), rows.data<float>(),
                 rows.data<float>() + rows.size());
    }
    return out;
  };
  return {.n_positions = position_,
          .keys = written(keys_),
          .values = written(values_)};
}

void KvCache::write_rows(const kernels::Exec& exec, const KvRows& rows) {
  CSM_CHECK(shape_.window == 0 && position_ == 0, "the cache must be empty");
  const int n_heads = shape_.n_sequences * shape_.n_kv_heads;
  const auto per_layer = static_cast<std::size_t>(n_heads) *
                         static_cast<std::size_t>(rows.n_positions) *
                         static_cast<std::size_t>(shape_.head_dim);
  const std::size_t n_values =
      per_layer * static_cast<std::size_t>(shape_.n_layers);
  CSM_CHECK(rows.keys.size() == n_values && rows.values.size() == n_values,
            "rows of this cache's sizes");
  reserve(exec, rows.n_positions);
  const mx::Shape shape = {n_heads, rows.n_positions, shape_.head_dim};
  const auto write = [&](std::vector<mx::array>& layers,
                         const std::vector<float>& values) {
    const float* at = values.data();
    for (mx::array& layer : layers) {
      layer = mx::slice_update(layer, mx::array(at, shape, mx::float32),
                               {0, 0, 0}, shape, exec.stream);
      at += per_layer;
    }
  };
  write(keys_, rows.keys);
  write(values_, rows.values);
  position_ = rows.n_positions;
}

mx::array attend_each(const kernels::Exec& exec,
                      std::span<const CacheShare> shares, int layer,
                      const mx::array& q, const mx::array& k,
                      const mx::array& v, const mx::array& inv_freq,
                      int n_heads) {
  const std::vector<mx::array> qs = split_rows(exec, shares, q);
  const std::vector<mx::array> ks = split_rows(exec, shares, k);
  const std::vector<mx::array> vs = split_rows(exec, shares, v);
  std::vector<mx::array> out;
  for (std::size_t i = 0; i < shares.size(); ++i) {
    out.push_back(shares[i].cache->attend(exec, layer, qs[i], ks[i], vs[i],
                                          inv_freq, n_heads));
  }
  return kernels::join_rows(exec, std::move(out));
}

}  // namespace csm::nn
