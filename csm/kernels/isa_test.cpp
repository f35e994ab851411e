#include "csm/kernels/isa.h"

#include <gtest/gtest.h>

#include <cstdlib>

namespace csm::kernels {
namespace {

TEST(KernelIsa, EnvironmentPinsIt) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        setenv("CSM_ISA", "scalar", 1);
        std::exit(kernel_isa() == Isa::kScalar ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(KernelIsa, DefaultIsTheFastestAvailable) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  EXPECT_EXIT(
      {
        unsetenv("CSM_ISA");
        std::exit(kernel_isa() == available_isas().back() ? 0 : 1);
      },
      ::testing::ExitedWithCode(0), "");
}

TEST(KernelIsa, TableReturnsTheEntryOfTheIsa) {
  const IsaTable<int> table{{0, 1, 2, 3, 4, 5}};
  EXPECT_EQ(table[Isa::kScalar], 0);
  EXPECT_EQ(table[Isa::kNeon], 1);
  EXPECT_EQ(table[Isa::kNeonDot], 2);
  EXPECT_EQ(table[Isa::kAvx2], 3);
  EXPECT_EQ(table[Isa::kAvx512], 4);
  EXPECT_EQ(table[Isa::kAvx512Vnni], 5);
}

}  // namespace
}  // namespace csm::kernels
