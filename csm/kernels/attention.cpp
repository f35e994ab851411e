#include "csm/kernels/attention.h"

#include <algorithm>
#include <cmath>

#include "csm/kernels/attention_head.h"
#include "csm/kernels/rope.h"

#define CSM_KERNEL_BODY "csm/kernels/attention-inl.h"
#include "csm/kernels/for_each_isa.inc"

namespace csm::kernels {
namespace {

constexpr IsaTable<void (*)(const AttentionHeads&)> kAttendHeads =
    CSM_ISA_TABLE(attend_heads);

/// Head `head` of row t in a [T, n_heads * Dh] array.
std::int64_t head_offset(const Attention& a, std::int64_t t, std::int64_t head,
                         std::int64_t n_heads) {
  return (t * n_heads + head) * a.head_dim;
}

/// Row t of key head `head` in a cache.
std::int64_t slot_offset(const Attention& a, std::int64_t t,
                         std::int64_t head) {
  return (head * a.capacity + (a.position + t) % a.capacity) * a.head_dim;
}

std::int64_t max_keys(const Attention& a) {
  const std::int64_t all = a.position + a.n_rows;
  return a.window > 0 ? std::min(all, a.window) : all;
}

/// Position of the oldest key that a query at `query` sees.
std::int64_t oldest_key(const Attention& a, std::int64_t query) {
  return a.window > 0 ? std::max<std::int64_t>(0, query - a.window + 1) : 0;
}

/// From so many rows on keys are first put into blocks.
constexpr std::int64_t kManyRows = 16;

/// Blocks of the keys that any row sees, for one key head.
std::int64_t n_blocks(const Attention& a) {
  if (a.n_rows < kManyRows) return 0;
  const std::int64_t n_keys = a.position + a.n_rows - oldest_key(a, a.position);
  return (n_keys + kBlockKeys - 1) / kBlockKeys;
}

std::int64_t block_size(const Attention& a) { return kBlockKeys * a.head_dim; }

/// Writes block `block` of a key head with this cache: [Dh, 16].
void write_block(const Attention& a, const float* cache, std::int64_t block,
                 float* to) {
  const std::int64_t first = oldest_key(a, a.position) + block * kBlockKeys;
  const std::int64_t last = a.position + a.n_rows - 1;
  for (std::int64_t i = 0; i < kBlockKeys; ++i) {
    // Behind the last key it stands in again; nobody reads those scores.
    const std::int64_t position = std::min(first + i, last);
    const float* key = cache + position % a.capacity * a.head_dim;
    for (std::int64_t d = 0; d < a.head_dim; ++d) {
      to[d * kBlockKeys + i] = key[d];
    }
  }
}

/// Writes those of all heads: [Hkv, n_blocks, Dh, 16].
void write_blocks(const Attention& a, float* to, ThreadPool* pool) {
  const std::int64_t n = n_blocks(a);
  const std::int64_t n_all = a.n_kv_heads * n;
  parallel_for(pool, n_all, n_all * block_size(a), [&](Range blocks) {
    for (std::int64_t b = blocks.begin; b < blocks.end; ++b) {
      const float* cache = a.k_read + b / n * a.capacity * a.head_dim;
      write_block(a, cache, b % n, to + b * block_size(a));
    }
  });
}

/// Attention of row t for all query heads of one key head; `blocks` null or
/// those of the head.
void attend_group(const Attention& a, std::int64_t t, std::int64_t kv_head,
                  const float* blocks, float* scores, Isa isa) {
  const std::int64_t query = a.position + t;
  const std::int64_t first = oldest_key(a, query);
  const std::int64_t group = a.n_heads / a.n_kv_heads;
  const std::int64_t cache = kv_head * a.capacity * a.head_dim;
  float* out = a.out + head_offset(a, t, kv_head * group, a.n_heads);
  kAttendHeads[isa]({.q = out,
                     .k = a.k_read + cache,
                     .v = a.v_read + cache,
                     .n_heads = group,
                     .head_dim = a.head_dim,
                     .capacity = a.capacity,
                     .first_slot = first % a.capacity,
                     .n_keys = query + 1 - first,
                     .blocks = blocks,
                     .in_blocks = first - oldest_key(a, a.position),
                     .scale = 1.0F / std::sqrt(static_cast<float>(a.head_dim)),
                     .scores = scores,
                     .out = out});
}

/// Floats of one part's scores.
std::int64_t score_size(const Attention& a) {
  return kScoreGap + a.n_heads / a.n_kv_heads * (max_keys(a) + kScoreGap);
}

int attend_parts(const Attention& a, const ThreadPool* pool) {
  return fine_parts_for(pool,
                        a.n_rows * a.n_heads * max_keys(a) * a.head_dim * 2);
}

std::size_t table_size(const Attention& a) {
  return static_cast<std::size_t>(a.n_rows * a.head_dim);
}

}  // namespace

void write_keys(const Attention& a, float* scratch) {
  const std::int64_t n_pairs = a.head_dim / 2;
  float* cos = scratch;
  float* sin = scratch + a.n_rows * n_pairs;
  rope_table(a.inv_freq, n_pairs, a.position, a.n_rows, cos, sin);
  for (std::int64_t t = 0; t < a.n_rows; ++t) {
    for (std::int64_t head = 0; head < a.n_kv_heads; ++head) {
      rope_rotate(a.k + head_offset(a, t, head, a.n_kv_heads),
                  cos + t * n_pairs, sin + t * n_pairs, n_pairs,
                  a.k_cache + slot_offset(a, t, head));
    }
  }
}

void write_values(const Attention& a) {
  for (std::int64_t t = 0; t < a.n_rows; ++t) {
    for (std::int64_t head = 0; head < a.n_kv_heads; ++head) {
      std::copy_n(a.v + head_offset(a, t, head, a.n_kv_heads), a.head_dim,
                  a.v_cache + slot_offset(a, t, head));
    }
  }
}

std::size_t rope_scratch(const Attention& a) { return table_size(a); }

std::size_t attend_scratch(const Attention& a, const ThreadPool* pool) {
  return table_size(a) +
         static_cast<std::size_t>(attend_parts(a, pool) * score_size(a) +
                                  a.n_kv_heads * n_blocks(a) * block_size(a));
}

void attend(const Attention& a, float* scratch, ThreadPool* pool, Isa isa) {
  const std::int64_t n_pairs = a.head_dim / 2;
  float* cos = scratch;
  float* sin = scratch + a.n_rows * n_pairs;
  rope_table(a.inv_freq, n_pairs, a.position, a.n_rows, cos, sin);

  // One task per key head and row, row by row: later rows see more keys, and
  // parts of whole heads take equally long.
  const std::int64_t n_tasks = a.n_rows * a.n_kv_heads;
  const std::int64_t group = a.n_heads / a.n_kv_heads;
  const int n_parts = attend_parts(a, pool);
  float* scores = scratch + table_size(a);  // of all parts
  float* blocks = scores + n_parts * score_size(a);
  const std::int64_t head_blocks = n_blocks(a) * block_size(a);
  if (head_blocks > 0) write_blocks(a, blocks, pool);
  run_parts(pool, n_parts, [&](int part) {
    const Range tasks = part_of(n_tasks, part, n_parts);
    float* part_scores = scores + part * score_size(a) + kScoreGap;
    for (std::int64_t task = tasks.begin; task < tasks.end; ++task) {
      const std::int64_t t = task % a.n_rows;
      const std::int64_t kv_head = task / a.n_rows;
      for (std::int64_t g = 0; g < group; ++g) {
        const std::int64_t offset =
            head_offset(a, t, kv_head * group + g, a.n_heads);
        rope_rotate(a.q + offset, cos + t * n_pairs, sin + t * n_pairs, n_pairs,
                    a.out + offset);
      }
      attend_group(a, t, kv_head,
                   head_blocks > 0 ? blocks + kv_head * head_blocks : nullptr,
                   part_scores, isa);
    }
  });
}

}  // namespace csm::kernels
