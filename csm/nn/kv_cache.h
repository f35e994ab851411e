#pragma once

#include <vector>

#include "csm/kernels/attention_op.h"
#include "csm/kernels/exec_op.h"

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
};

/// Keys and values of all layers of one transformer, for one sequence.
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

  /// Rows that can still be written (INT_MAX with a window).
  [[nodiscard]] int room() const;

  /// Makes room for `n_rows` rows at position(); call before attend().
  ///
  /// Throws: Error{kExhausted} if n_rows > room().
  void reserve(const kernels::Exec& exec, int n_rows);

  /// Attention of one layer over the cache; writes k and v at position().
  ///
  /// q [T, H*Dh], k and v [T, Hkv*Dh], inv_freq [Dh/2] -> [T, H*Dh]
  [[nodiscard]] mx::array attend(const kernels::Exec& exec, int layer,
                                 const mx::array& q, const mx::array& k,
                                 const mx::array& v, const mx::array& inv_freq,
                                 int n_heads);

  /// Moves position() on after all layers have seen the rows.
  void advance(int n_rows) { position_ += n_rows; }

  /// Starts a new sequence in the memory of the old one.
  void restart() { position_ = 0; }

  /// Appends all arrays, so that a caller can evaluate them with its result.
  void append_arrays(std::vector<mx::array>& out) const;

 private:
  KvCache(const KvCache&) = default;

  KvCacheShape shape_;
  int position_ = 0;
  int capacity_ = 0;               // slots allocated
  std::vector<mx::array> keys_;    // per layer [Hkv, capacity_, Dh]
  std::vector<mx::array> values_;  // per layer [Hkv, capacity_, Dh]
};

}  // namespace csm::nn
