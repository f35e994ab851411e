#pragma once

#include <algorithm>
#include <cstdint>

#include "csm/base/thread_pool.h"

namespace csm::kernels {

/// The indices begin <= i < end.
struct Range {
  std::int64_t begin;
  std::int64_t end;

  [[nodiscard]] std::int64_t size() const { return end - begin; }
};

/// Part `part` of [0, n) cut into n_parts contiguous, nearly equal ranges.
[[nodiscard]] inline Range part_of(std::int64_t n, int part, int n_parts) {
  return {n * part / n_parts, n * (part + 1) / n_parts};
}

/// Below this many multiply-adds a loop runs on the calling thread: waking the
/// others would cost more.
inline constexpr std::int64_t kMinParallelWork = 1 << 15;

/// Threads worth using for a loop of this many multiply-adds; 1 if pool is
/// null.
[[nodiscard]] inline int parts_for(const ThreadPool* pool, std::int64_t work) {
  return pool == nullptr || work < kMinParallelWork ? 1 : pool->size();
}

/// Parts in which a loop that reads memory is best cut: several for each thread
/// if they are long enough, so that one that is done early takes over from one
/// that is late.
[[nodiscard]] inline int fine_parts_for(const ThreadPool* pool,
                                        std::int64_t work) {
  constexpr std::int64_t kPartsPerThread = 4;
  constexpr std::int64_t kMinPartWork = 1 << 18;
  const int n_threads = parts_for(pool, work);
  if (n_threads == 1) return 1;
  const std::int64_t n = work / (kMinPartWork * n_threads);
  return n_threads *
         static_cast<int>(std::clamp<std::int64_t>(n, 1, kPartsPerThread));
}

/// Calls fn(part) for every part in [0, n_parts), n_parts from the functions
/// above; a single part runs on the calling thread. fn must not throw.
template <class Fn>
void run_parts(ThreadPool* pool, int n_parts, const Fn& fn) {
  if (n_parts == 1) {
    fn(0);
  } else {
    pool->run(n_parts, fn);
  }
}

/// Calls fn(Range) for contiguous ranges that cover [0, n), n >= 1.
template <class Fn>
void parallel_for(ThreadPool* pool, std::int64_t n, std::int64_t work,
                  const Fn& fn) {
  const std::int64_t n_threads = parts_for(pool, work);
  const int n_parts = static_cast<int>(std::min(n, n_threads));
  run_parts(pool, n_parts, [&](int part) { fn(part_of(n, part, n_parts)); });
}

}  // namespace csm::kernels
