#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>

#include "csm/base/thread_pool.h"

namespace csm::kernels {

/// Rounds a second of run(thread, rounds) on all threads of a pool at once: the
/// best of several runs of a millisecond or more, in some 20 ms.
template <class Run>
[[nodiscard]] double best_rounds_per_second(ThreadPool& pool, const Run& run) {
  using Clock = std::chrono::steady_clock;
  constexpr double kShortest = 1e-3;
  constexpr double kBudget = 2e-2;
  const auto time = [&](std::int64_t rounds) {
    const auto start = Clock::now();
    pool.run(pool.size(), [&](int thread) { run(thread, rounds); });
    return std::chrono::duration<double>(Clock::now() - start).count();
  };
  std::int64_t rounds = 1 << 10;
  double spent = time(rounds);
  while (spent < kShortest) {
    rounds *= 2;
    spent = time(rounds);
  }
  double best = spent;
  for (double total = spent; total < kBudget; total += spent) {
    spent = time(rounds);
    best = std::min(best, spent);
  }
  return static_cast<double>(rounds) * pool.size() / best;
}

}  // namespace csm::kernels
