#include "csm/base/memory_info.h"

#include <gtest/gtest.h>

#include <vector>

namespace csm {
namespace {

TEST(MemoryInfo, ProcBytesReadsOneLine) {
  constexpr const char* kText =
      "MemTotal:       24641924 kB\nMemAvailable:   21 kB\nHugePages:   3\n";
  EXPECT_EQ(proc_bytes(kText, "MemAvailable"), 21U * 1024);
  EXPECT_EQ(proc_bytes(kText, "MemTotal"), 24641924ULL * 1024);
  EXPECT_FALSE(proc_bytes(kText, "Mem"));
  EXPECT_FALSE(proc_bytes(kText, "HugePages"));
  EXPECT_FALSE(proc_bytes("MemAvailable: much kB", "MemAvailable"));
  EXPECT_FALSE(proc_bytes("", "MemAvailable"));
}

TEST(MemoryInfo, PeakGrowsWithWhatIsTouched) {
  constexpr std::size_t kBytes = 64UL << 20U;
  const std::uint64_t before = peak_memory();
  EXPECT_GT(before, 1U << 20U);
  const std::vector<char> touched(before + kBytes, 1);
  EXPECT_GE(peak_memory(), before + kBytes / 2);
  EXPECT_EQ(touched.back(), 1);
}

TEST(MemoryInfo, SomethingIsAvailable) {
  const auto available = available_memory();
  if (!available) GTEST_SKIP() << "the system does not tell";
  EXPECT_GT(*available, 1U << 20U);
}

}  // namespace
}  // namespace csm
