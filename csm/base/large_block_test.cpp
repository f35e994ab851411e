#include "csm/base/large_block.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <limits>

#include "csm/base/error.h"

namespace csm {
namespace {

TEST(LargeBlock, IsAlignedZeroAndWritable) {
  for (const std::size_t n :
       {std::size_t{1}, LargeBlock::kHugePage, 3 * LargeBlock::kHugePage + 5}) {
    const LargeBlock block(n);
    EXPECT_GE(block.size(), n);
    EXPECT_EQ(
        reinterpret_cast<std::uintptr_t>(block.data()) % LargeBlock::kHugePage,
        0U);
    EXPECT_TRUE(std::all_of(block.data(), block.data() + block.size(),
                            [](std::byte b) { return b == std::byte{0}; }));
    std::fill(block.data(), block.data() + block.size(), std::byte{7});
    EXPECT_EQ(block.data()[block.size() - 1], std::byte{7});
  }
}

TEST(LargeBlock, SaysThatMemoryIsNotEnough) {
  try {
    const LargeBlock block(std::numeric_limits<std::size_t>::max() / 4);
    FAIL() << "expected an error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kExhausted);
  }
}

}  // namespace
}  // namespace csm
