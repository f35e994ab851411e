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
/// Every thread has a lane of tasks, which follow each other and begin in
/// order: it meets the same weights, still in its cache, frame after frame, and
/// the weights of one task lie behind those of the task before. A thread that
/// is done with its own lane takes tasks from the other lanes; so does the
/// caller. A thread that the machine is not running at the moment is therefore
/// never waited for, unless it was stopped in the middle of a task.
///
/// Workers spin for a short while after a loop, because the loops of one frame
/// follow each other within microseconds, and then sleep. The calling thread
/// takes part, so a pool of size 1 has no worker and adds no cost.
///
/// Threads: run() may be called from any thread, and from inside a task; while
/// a loop is in progress another one runs on the thread that asks for it.
class ThreadPool {
 public:
  /// Throws: Error{kInvalidArgument} unless 1 <= n_threads <= 1024;
  /// Error{kExhausted} if the system gives no more threads.
  explicit ThreadPool(int n_threads);
  ~ThreadPool();
  ThreadPool(const ThreadPool&) = delete;
  ThreadPool& operator=(const ThreadPool&) = delete;

  /// Threads that take part, the caller among them.
  [[nodiscard]] int size() const { return static_cast<int>(unclaimed_.size()); }

  /// Calls fn(task) for every task in [0, n_tasks), each exactly once, and
  /// returns when all are done. Which thread runs a task, and in which order,
  /// is open: fn must depend on the task alone. fn must not throw; where
  /// workers take part, an exception ends the program.
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
  void run_shared(int n_tasks, void* context, TaskFn fn) noexcept;
  void start_loop(int n_tasks, void* context, TaskFn fn);
  void stop();
  void work(int thread) noexcept;
  void run_tasks(int thread);
  void run_lane(int lane);
  [[nodiscard]] int lane_end(int lane) const;
  bool wait_for_loop(std::uint64_t seen);

  // Tasks of each lane that nobody has claimed. A claim takes one off by
  // compare-and-swap on the newest value, so it is always a claim on the loop
  // in progress, however late the thread is; and a loop with a claimed task
  // cannot end before that task is done. What the loop is (the next three) is
  // read after the claim only.
  std::vector<std::atomic<int>> unclaimed_;
  void* context_ = nullptr;
  TaskFn fn_ = nullptr;
  int n_tasks_ = 0;
  std::atomic<int> unfinished_{0};  // tasks of the loop that are not done

  std::atomic<bool> busy_{false};             // a loop is in progress
  std::atomic<std::uint64_t> generation_{0};  // one more for every loop
  std::atomic<int> sleeping_{0};              // workers waiting on wake_
  std::atomic<bool> stopping_{false};
  std::mutex mutex_;  // guards the wait on wake_
  std::condition_variable wake_;
  std::vector<std::thread> workers_;
};

}  // namespace csm
