#include "csm/base/thread_pool.h"

#include <gtest/gtest.h>
#include <pthread.h>

#include <atomic>
#include <chrono>
#include <csignal>
#include <memory>
#include <stdexcept>
#include <thread>
#include <vector>

#include "csm/base/error.h"

namespace csm {
namespace {

using Clock = std::chrono::steady_clock;
using std::chrono::milliseconds;

std::size_t at(int i) { return static_cast<std::size_t>(i); }

class ThreadPoolSizes : public testing::TestWithParam<int> {};

TEST_P(ThreadPoolSizes, EveryTaskRunsExactlyOnce) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.size(), GetParam());
  for (const int n_tasks : {0, 1, 2, 3, 7, 64, 1000}) {
    std::vector<int> count(at(n_tasks), 0);
    pool.run(n_tasks, [&](int task) { ++count.at(at(task)); });
    for (const int c : count) ASSERT_EQ(c, 1);
  }
}

TEST_P(ThreadPoolSizes, LoopsFollowEachOtherWithoutMixing) {
  ThreadPool pool(GetParam());
  std::vector<int> values(16, 0);
  for (int round = 0; round < 2000; ++round) {
    pool.run(16, [&](int task) {
      ASSERT_EQ(values[at(task)], round);
      values[at(task)] = round + 1;
    });
  }
  for (const int v : values) EXPECT_EQ(v, 2000);
}

// Each loop has its own closure and data, which are gone when it is over: a
// worker that touched an old loop would be seen (also by a sanitizer).
TEST_P(ThreadPoolSizes, ShortLoopsOfChangingLengthKeepToThemselves) {
  ThreadPool pool(GetParam());
  for (int round = 0; round < 5000; ++round) {
    const int n_tasks = 2 + round % 7;
    auto results = std::make_unique<std::vector<int>>(at(n_tasks), -1);
    pool.run(n_tasks, [&results, round](int task) {
      results->at(at(task)) += round + task + 1;
    });
    for (int i = 0; i < n_tasks; ++i) {
      ASSERT_EQ(results->at(at(i)), round + i) << "round " << round;
    }
  }
}

TEST_P(ThreadPoolSizes, WakesUpAfterSleeping) {
  ThreadPool pool(GetParam());
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(milliseconds(20));
    std::vector<int> seen(8, 0);
    pool.run(8, [&](int task) { seen[at(task)] = task; });
    for (int i = 0; i < 8; ++i) EXPECT_EQ(seen[at(i)], i);
  }
}

TEST_P(ThreadPoolSizes, EndsAtAnyTime) {
  for (int round = 0; round < 20; ++round) {
    const ThreadPool unused(GetParam());
  }
  for (int round = 0; round < 20; ++round) {
    ThreadPool pool(GetParam());
    std::atomic<int> n_done{0};
    pool.run(5, [&](int) { ++n_done; });
    EXPECT_EQ(n_done, 5);
    if (round % 2 == 1) std::this_thread::sleep_for(milliseconds(5));  // asleep
  }
}

TEST_P(ThreadPoolSizes, LoopsInsideTasksRun) {
  ThreadPool pool(GetParam());
  std::vector<int> count(6 * 5, 0);
  for (int round = 1; round <= 100; ++round) {
    pool.run(6, [&](int outer) {
      pool.run(5, [&](int inner) { ++count[at(outer * 5 + inner)]; });
    });
    for (const int c : count) ASSERT_EQ(c, round);
  }
}

TEST_P(ThreadPoolSizes, LoopsOfSeveralThreadsRun) {
  ThreadPool pool(GetParam());
  std::vector<std::vector<int>> counts(3, std::vector<int>(9, 0));
  std::vector<std::thread> callers;
  for (std::vector<int>& count : counts) {
    callers.emplace_back([&pool, &count] {
      for (int round = 0; round < 300; ++round) {
        pool.run(9, [&](int task) { ++count[at(task)]; });
      }
    });
  }
  for (std::thread& caller : callers) caller.join();
  for (const std::vector<int>& count : counts) {
    for (const int c : count) EXPECT_EQ(c, 300);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadPoolSizes,
                         testing::Values(1, 2, 3, 5, 16));

TEST(ThreadPool, BadSizeThrows) {
  EXPECT_THROW(ThreadPool(0), Error);
  EXPECT_THROW(ThreadPool(-1), Error);
  EXPECT_THROW(ThreadPool(100000), Error);
}

TEST(ThreadPool, AllThreadsTakePart) {
  constexpr int kThreads = 4;
  ThreadPool pool(kThreads);
  std::atomic<int> n_here{0};
  // Every task waits for all: a thread cannot run two of them.
  pool.run(kThreads, [&](int) {
    ++n_here;
    while (n_here < kThreads) std::this_thread::yield();
  });
  EXPECT_EQ(n_here, kThreads);
}

TEST(ThreadPoolDeathTest, ExceptionOfATaskEndsTheProgram) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  for (const int n_threads : {2, 4}) {
    EXPECT_DEATH(
        {
          ThreadPool pool(n_threads);
          pool.run(8, [](int task) {
            if (task == 3) throw std::runtime_error("thrown by a task");
          });
        },
        "thrown by a task");
  }
}

// Stops one worker wherever it is, by a signal whose handler waits.
class HeldWorker {
 public:
  explicit HeldWorker(pthread_t worker) {
    held_ = false;
    released_ = false;
    struct sigaction action = {};
    action.sa_handler = &hold;
    sigaction(SIGUSR1, &action, &old_action_);
    pthread_kill(worker, SIGUSR1);
    while (!held_) std::this_thread::yield();
  }
  ~HeldWorker() {
    release();
    sigaction(SIGUSR1, &old_action_, nullptr);
  }
  HeldWorker(const HeldWorker&) = delete;
  HeldWorker& operator=(const HeldWorker&) = delete;

  [[nodiscard]] bool held() const { return held_; }
  void release() {
    released_ = true;
    while (held_) std::this_thread::yield();
  }

 private:
  static void hold(int /*signal*/) {
    const Clock::time_point end = Clock::now() + std::chrono::seconds(20);
    held_ = true;
    while (!released_ && Clock::now() < end) {
    }
    held_ = false;
  }

  inline static std::atomic<bool> held_{false};
  inline static std::atomic<bool> released_{false};
  struct sigaction old_action_ = {};
};

/// The thread of the pool that is not the calling one; the pool has two.
pthread_t worker_of(ThreadPool& pool) {
  std::vector<pthread_t> threads(2);
  std::atomic<int> n_here{0};
  pool.run(2, [&](int task) {
    threads[at(task)] = pthread_self();
    ++n_here;
    while (n_here < 2) std::this_thread::yield();
  });
  return pthread_equal(threads[0], pthread_self()) != 0 ? threads[1]
                                                        : threads[0];
}

// The worker is stopped asleep or while it spins for the next loop.
TEST(ThreadPool, StoppedWorkerIsNotWaitedFor) {
  for (const int idle_ms : {0, 30}) {
    ThreadPool pool(2);
    const pthread_t worker = worker_of(pool);
    std::this_thread::sleep_for(milliseconds(idle_ms));
    HeldWorker hold(worker);
    for (int round = 0; round < 200; ++round) {
      std::vector<int> order;
      pool.run(7, [&](int task) { order.push_back(task); });
      // Lane by lane, each from its beginning.
      ASSERT_EQ(order, (std::vector<int>{0, 1, 2, 3, 4, 5, 6}));
    }
    ASSERT_TRUE(hold.held()) << "the loops waited for the worker";
    hold.release();
    // It comes back late, finds nothing of the old loops and takes part again.
    EXPECT_FALSE(pthread_equal(worker_of(pool), pthread_self()));
  }
}

}  // namespace
}  // namespace csm
