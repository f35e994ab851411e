#include "csm/base/thread_pool.h"

#include <gtest/gtest.h>

#include <chrono>
#include <thread>
#include <vector>

#include "csm/base/error.h"

namespace csm {
namespace {

class ThreadPoolSizes : public testing::TestWithParam<int> {};

TEST_P(ThreadPoolSizes, EveryTaskRunsExactlyOnce) {
  ThreadPool pool(GetParam());
  EXPECT_EQ(pool.size(), GetParam());
  for (const int n_tasks : {0, 1, 2, 3, 7, 64, 1000}) {
    std::vector<int> count(static_cast<std::size_t>(n_tasks), 0);
    pool.run(n_tasks,
             [&](int task) { ++count[static_cast<std::size_t>(task)]; });
    for (const int c : count) ASSERT_EQ(c, 1);
  }
}

TEST_P(ThreadPoolSizes, LoopsFollowEachOtherWithoutMixing) {
  ThreadPool pool(GetParam());
  std::vector<int> values(16, 0);
  for (int round = 0; round < 2000; ++round) {
    pool.run(16, [&](int task) {
      ASSERT_EQ(values[static_cast<std::size_t>(task)], round);
      values[static_cast<std::size_t>(task)] = round + 1;
    });
  }
  for (const int v : values) EXPECT_EQ(v, 2000);
}

TEST_P(ThreadPoolSizes, WakesUpAfterSleeping) {
  ThreadPool pool(GetParam());
  for (int round = 0; round < 3; ++round) {
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
    std::vector<int> seen(8, 0);
    pool.run(8, [&](int task) { seen[static_cast<std::size_t>(task)] = task; });
    for (int i = 0; i < 8; ++i) EXPECT_EQ(seen[static_cast<std::size_t>(i)], i);
  }
}

INSTANTIATE_TEST_SUITE_P(Sizes, ThreadPoolSizes, testing::Values(1, 2, 3, 5));

TEST(ThreadPool, BadSizeThrows) {
  EXPECT_THROW(ThreadPool(0), Error);
  EXPECT_THROW(ThreadPool(-1), Error);
  EXPECT_THROW(ThreadPool(100000), Error);
}

}  // namespace
}  // namespace csm
