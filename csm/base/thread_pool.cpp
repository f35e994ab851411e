#include "csm/base/thread_pool.h"

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

#if defined(__x86_64__)
#include <immintrin.h>
#endif

namespace csm {
namespace {

// About 50 microseconds of polling on current machines: longer than the gap
// between two loops of a frame, shorter than anything that a person notices.
constexpr int kSpins = 2000;

// On a machine with fewer free cores than threads a spinning thread keeps the
// one it waits for from running, so every few polls the slice is given up.
constexpr int kSpinsPerYield = 64;

void pause_briefly(int spin) {
  if (spin % kSpinsPerYield == kSpinsPerYield - 1) {
    std::this_thread::yield();
    return;
  }
#if defined(__x86_64__)
  _mm_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace

ThreadPool::ThreadPool(int n_threads) {
  if (n_threads < 1 || n_threads > 1024) {
    throw Error(ErrorCode::kInvalidArgument,
                str_cat("[base.thread_pool] expected 1 to 1024 threads, got ",
                        n_threads));
  }
  workers_.reserve(static_cast<std::size_t>(n_threads) - 1);
  for (int thread = 1; thread < n_threads; ++thread) {
    workers_.emplace_back([this, thread] { work(thread); });
  }
}

ThreadPool::~ThreadPool() {
  {
    const std::lock_guard lock(mutex_);
    stopping_.store(true);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
}

void ThreadPool::run_share(int thread) const {
  for (int task = thread; task < n_tasks_; task += size()) {
    fn_(context_, task);
  }
}

void ThreadPool::run_erased(int n_tasks, void* context, TaskFn fn) {
  if (workers_.empty() || n_tasks <= 1) {
    for (int task = 0; task < n_tasks; ++task) fn(context, task);
    return;
  }
  context_ = context;
  fn_ = fn;
  n_tasks_ = n_tasks;
  running_.store(static_cast<int>(workers_.size()), std::memory_order_relaxed);
  generation_.fetch_add(1);
  if (sleeping_.load() > 0) {
    {
      const std::lock_guard lock(mutex_);
    }
    wake_.notify_all();
  }
  run_share(0);
  for (int spin = 0; running_.load(std::memory_order_acquire) > 0; ++spin) {
    pause_briefly(spin);
  }
}

bool ThreadPool::wait_for_loop(std::uint64_t seen) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (generation_.load(std::memory_order_acquire) != seen) return true;
    if (stopping_.load(std::memory_order_relaxed)) return false;
    pause_briefly(spin);
  }
  std::unique_lock lock(mutex_);
  sleeping_.fetch_add(1);
  wake_.wait(lock, [this, seen] {
    return generation_.load() != seen || stopping_.load();
  });
  sleeping_.fetch_sub(1);
  return generation_.load() != seen;
}

void ThreadPool::work(int thread) {
  std::uint64_t seen = 0;
  while (wait_for_loop(seen)) {
    seen = generation_.load(std::memory_order_acquire);
    run_share(thread);
    running_.fetch_sub(1, std::memory_order_release);
  }
}

}  // namespace csm
