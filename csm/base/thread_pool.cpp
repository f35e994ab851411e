#include "csm/base/thread_pool.h"

#include <string>
#include <system_error>

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

// On a machine with fewer free cores than threads a spinning worker keeps a
// thread with work from running, so every few polls it gives up its slice.
constexpr int kSpinsPerYield = 64;

void pause() {
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
  const auto n = static_cast<std::size_t>(n_threads);
  unclaimed_ = std::vector<std::atomic<int>>(n);
  workers_.reserve(n - 1);
  try {
    for (int thread = 1; thread < n_threads; ++thread) {
      workers_.emplace_back([this, thread] { work(thread); });
    }
  } catch (const std::system_error& e) {
    const std::size_t n_started = workers_.size() + 1;
    stop();
    throw Error(ErrorCode::kExhausted,
                str_cat("[base.thread_pool] expected ", n, " threads, got ",
                        n_started, " (", std::string(e.what()), ")"));
  }
}

ThreadPool::~ThreadPool() { stop(); }

void ThreadPool::stop() {
  {
    const std::lock_guard lock(mutex_);
    stopping_.store(true);
  }
  wake_.notify_all();
  for (std::thread& worker : workers_) worker.join();
  workers_.clear();
}

int ThreadPool::lane_end(int lane) const {
  return static_cast<int>(std::int64_t{n_tasks_} * (lane + 1) / size());
}

void ThreadPool::run_lane(int lane) {
  std::atomic<int>& unclaimed = unclaimed_[static_cast<std::size_t>(lane)];
  int left = unclaimed.load(std::memory_order_relaxed);
  while (left > 0) {
    // Acquire: the claim sees the loop that the newest value belongs to.
    if (unclaimed.compare_exchange_weak(left, left - 1,
                                        std::memory_order_acquire,
                                        std::memory_order_relaxed)) {
      fn_(context_, lane_end(lane) - left);
      unfinished_.fetch_sub(1, std::memory_order_release);
      left = unclaimed.load(std::memory_order_relaxed);
    }
  }
}

void ThreadPool::run_tasks(int thread) {
  for (int lane = thread; lane < size(); ++lane) run_lane(lane);
  for (int lane = 0; lane < thread; ++lane) run_lane(lane);
}

void ThreadPool::start_loop(int n_tasks, void* context, TaskFn fn) {
  context_ = context;
  fn_ = fn;
  n_tasks_ = n_tasks;
  unfinished_.store(n_tasks, std::memory_order_relaxed);
  for (int lane = 0; lane < size(); ++lane) {
    unclaimed_[static_cast<std::size_t>(lane)].store(
        lane_end(lane) - lane_end(lane - 1), std::memory_order_release);
  }
  generation_.fetch_add(1);
  if (sleeping_.load() > 0) {
    {
      const std::lock_guard lock(mutex_);
    }
    wake_.notify_all();
  }
}

void ThreadPool::run_shared(int n_tasks, void* context, TaskFn fn) noexcept {
  start_loop(n_tasks, context, fn);
  run_tasks(0);
  // What is left now is in the middle of a task. It ends at once where the
  // thread has a core; where it has none, yielding may give it this one.
  int spins = 0;
  while (unfinished_.load(std::memory_order_acquire) > 0) {
    if (spins < kSpins) {
      ++spins;
      pause();
    } else {
      std::this_thread::yield();
    }
  }
  busy_.store(false, std::memory_order_release);
}

void ThreadPool::run_erased(int n_tasks, void* context, TaskFn fn) {
  if (workers_.empty() || n_tasks <= 1 ||
      busy_.exchange(true, std::memory_order_acquire)) {
    for (int task = 0; task < n_tasks; ++task) fn(context, task);
  } else {
    run_shared(n_tasks, context, fn);
  }
}

bool ThreadPool::wait_for_loop(std::uint64_t seen) {
  for (int spin = 0; spin < kSpins; ++spin) {
    if (generation_.load(std::memory_order_acquire) != seen) return true;
    if (stopping_.load(std::memory_order_relaxed)) return false;
    if (spin % kSpinsPerYield == kSpinsPerYield - 1) {
      std::this_thread::yield();
    } else {
      pause();
    }
  }
  std::unique_lock lock(mutex_);
  sleeping_.fetch_add(1);
  wake_.wait(lock, [this, seen] {
    return generation_.load() != seen || stopping_.load();
  });
  sleeping_.fetch_sub(1);
  return generation_.load() != seen;
}

void ThreadPool::work(int thread) noexcept {
  std::uint64_t seen = 0;
  while (wait_for_loop(seen)) {
    seen = generation_.load(std::memory_order_acquire);
    run_tasks(thread);
  }
}

}  // namespace csm
