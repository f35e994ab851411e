#pragma once

#include <atomic>
#include <condition_variable>
#include <cstdint>
#include <mutex>
#include <thread>
#include <type_traits>
#include <vector>

namespace csm {

/// A fixed set of threads that run the tasks of one parallel loop at a time.
///
/// Workers spin for a short while after a loop, because the loops of one frame
/// follow each other within microseconds, and then sleep. The calling thread
/// takes part, so a pool of size 1 has no worker and adds no cost.
///
/// Threads: run() from one thread at a time; it is not reentrant.
class ThreadPool {
 public:
  /// Throws: Error{kInvalidArgument} unless 1 <= n_threads <= 1024.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Threads that take part, the caller among them.
  [[nodiscard]] int size() const {
    return static_cast<int>(workers_.size()) + 1;
  }

  /// Calls fn(task) for every task in [0, n_tasks) and returns when all are
  /// done. Which thread runs which task is fixed: task t runs on thread
  /// t mod size(). fn must not throw.
  template <class F>
  void run(int n_tasks, F&& fn) {
    using Fn = std::remove_reference_t<F>;
    run_erased(
        n_tasks, const_cast<void*>(static_cast<const void*>(&fn)),
        [](void* context, int task) { (*static_cast<Fn*>(context))(task); });
  }

 private:
  using TaskFn = void (*)(void* context, int task);

  void run_erased(int n_tasks, void* context, TaskFn fn);
  void work(int thread);
  void run_share(int thread) const;
  bool wait_for_loop(std::uint64_t seen);

  std::vector<std::thread> workers_;

  // The loop in progress; written by the caller before generation_ moves.
  void* context_ = nullptr;
  TaskFn fn_ = nullptr;
  int n_tasks_ = 0;

  std::atomic<std::uint64_t> generation_{0};  // one more for every loop
  std::atomic<int> running_{0};               // workers still in the loop
  std::atomic<int> sleeping_{0};              // workers waiting on wake_
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;  // guards the wait on wake_
  std::condition_variable wake_;
};

}  // namespace csm
