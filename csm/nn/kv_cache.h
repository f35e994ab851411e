#pragma once

#include <span>
#include <vector>

#include "csm/kernels/attention_op.h"
#include "csm/kernels/exec_op.h"
#include "csm/nn/kv_rows.h"

namespace csm::nn {

/// Sizes of a KvCache.
struct KvCacheShape {
  int n_layers;
  int n_kv_heads;
  int head_dim;

  /// Positions that may ever be written; attend() beyond it is an error.
  /// With a window it is the size of the ring, >= window + rows per call - 1,
  /// and the number of positions is unlimited.
  int max_positions;

  /// Keys further back than this are forgotten; 0 keeps all.
  int window = 0;

  /// Sequences that write the same positions at the same time; S below.
  int n_sequences = 1;
};

/// Keys and values of all layers of one transformer, for one sequence or for
/// several in step.
///
/// A value: updates replace the arrays it holds, so fork() costs nothing until
/// one side writes. Without a window the memory grows in steps of 256
/// positions. Lazy: the arrays are computed when the graph is evaluated.
///
/// Threads: engine thread only.
class KvCache {
 public:
  explicit KvCache(const KvCacheShape& shape);
  KvCache(KvCache&&) = default;
  KvCache& operator=(KvCache&&) = default;

  /// A second cache that continues from the same positions by itself.
  [[nodiscard]] KvCache fork() const { return *this; }

  /// Absolute position of the next row.
  [[nodiscard]] int position() const { return position_; }

  [[nodiscard]] int n_sequences() const { return shape_.n_sequences; }

  /// Positions that can still be written (INT_MAX with a window).
  [[nodiscard]] int room() const;

  /// Makes room for `n_positions` at position(); call before attend().
  ///
  /// Throws: Error{kExhausted} if n_positions > room().
  void reserve(const kernels::Exec& exec, int n_positions);

  /// Attention of one layer over the cache; writes k and v of T positions at
  /// position(). Row t*S + s is position t of sequence s.
  ///
  /// q [T*S, H*Dh], k and v [T*S, Hkv*Dh], inv_freq [Dh/2] -> [T*S, H*Dh]
  [[nodiscard]] mx::array attend(const kernels::Exec& exec, int layer,
                                 const mx::array& q, const mx::array& k,
                                 const mx::array& v, const mx::array& inv_freq,
                                 int n_heads);

  /// Moves position() on after all layers have seen the rows.
  void advance(int n_positions) { position_ += n_positions; }

  /// Starts a new sequence in the memory of the old one.
  void restart() { position_ = 0; }

  /// Forgets all but the first `n_positions`, of a cache without a window.
  void rewind(int n_positions);

  /// All that was written, of a cache without a window. Evaluates it.
  [[nodiscard]] KvRows read_rows(const kernels::Exec& exec) const;

  /// Takes rows in as if they had been written one by one. The cache must be
  /// empty, without a window, and the rows of its sizes.
  ///
  /// Throws: Error{kExhausted} if they are more than room().
  void write_rows(const kernels::Exec& exec, const KvRows& rows);

  [[nodiscard]] const KvCacheShape& shape() const { return shape_; }

  /// Appends all arrays, so that a caller can evaluate them with its result.
  void append_arrays(std::vector<mx::array>& out) const;

 private:
  KvCache(const KvCache&) = default;

  KvCacheShape shape_;
  int position_ = 0;
  int capacity_ = 0;               // slots allocated
  std::vector<mx::array> keys_;    // per layer [S*Hkv, capacity_, Dh]
  std::vector<mx::array> values_;  // per layer [S*Hkv, capacity_, Dh]
};

/// One cache's share of the rows of a batch.
struct CacheShare {
  KvCache* cache;
  int n_positions = 1;

  [[nodiscard]] int n_rows() const {
    return n_positions * cache->n_sequences();
  }
};

/// KvCache::attend() for every cache of a batch. The rows of the caches follow
/// each other in q, k, v and the result; each sees its own past only.
///
/// Threads: engine thread only.
[[nodiscard]] mx::array attend_each(const kernels::Exec& exec,
                                    std::span<const CacheShare> shares,
                                    int layer, const mx::array& q,
                                    const mx::array& k, const mx::array& v,
                                    const mx::array& inv_freq, int n_heads);

}  // namespace csm::nn
