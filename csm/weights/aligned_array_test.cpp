#include "csm/weights/aligned_array.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <optional>
#include <vector>

namespace csm::weights {
namespace {

std::uintptr_t address(const mx::array& array) {
  return reinterpret_cast<std::uintptr_t>(array.data<std::uint8_t>());
}

void fill(mx::array& array, int value) {
  std::fill_n(array.data<std::uint8_t>(), array.size(),
              static_cast<std::uint8_t>(value));
}

bool holds(const mx::array& array, int value) {
  return std::all_of(array.data<std::uint8_t>(),
                     array.data<std::uint8_t>() + array.size(),
                     [value](std::uint8_t byte) { return byte == value; });
}

TEST(AlignedArray, IsAlignedAtEverySize) {
  for (const int n : {1, 63, 64, 4096, 2 << 20, (4 << 20) + 1}) {
    mx::array array = aligned_array({n}, mx::uint8);
    EXPECT_EQ(array.shape(), mx::Shape{n});
    EXPECT_EQ(address(array) % kArrayAlignment, 0U);
    fill(array, 9);
    EXPECT_TRUE(holds(array, 9));
  }
}

TEST(ArrayArena, GivesArraysOneBehindTheOther) {
  ArrayArena arena;
  mx::array first = arena.take({3, 100}, mx::uint8);
  const mx::array second = arena.take({64}, mx::uint8);
  EXPECT_EQ(address(first) % kArrayAlignment, 0U);
  EXPECT_EQ(address(second) % kArrayAlignment, 0U);
  EXPECT_GE(address(second), address(first) + first.nbytes());
  EXPECT_LT(address(second), address(first) + first.nbytes() + 128);
}

TEST(ArrayArena, KeepsEveryArrayForItself) {
  // More than one block, and one that is too large for a block.
  std::vector<int> sizes(20, 5 << 20);
  sizes.insert(sizes.end(), {1, 100 << 20, 7, 64, 65});
  std::vector<mx::array> arrays;
  {
    ArrayArena arena;
    for (std::size_t i = 0; i < sizes.size(); ++i) {
      arrays.push_back(arena.take({sizes[i]}, mx::uint8));
      fill(arrays.back(), static_cast<int>(i));
    }
  }
  for (std::size_t i = 0; i < sizes.size(); ++i) {
    EXPECT_TRUE(holds(arrays[i], static_cast<int>(i))) << "array " << i;
  }
}

TEST(ArrayArena, ArraysOutliveArenaAndEachOther) {
  std::optional<mx::array> kept;
  {
    ArrayArena arena;
    mx::array gone = arena.take({1000}, mx::uint8);
    kept = arena.take({1000}, mx::uint8);
    fill(*kept, 3);
    fill(gone, 4);
  }
  EXPECT_TRUE(holds(*kept, 3));
}

}  // namespace
}  // namespace csm::weights
