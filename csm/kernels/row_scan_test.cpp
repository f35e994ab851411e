#include "csm/kernels/row_scan.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <vector>

#include "csm/kernels/kernel_testing.h"

namespace csm::kernels {
namespace {

using testing::bits_equal;
using testing::Guarded;
using testing::random_floats;

constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();

std::int64_t length(const std::vector<float>& x) {
  return static_cast<std::int64_t>(x.size());
}

TEST(RowScan, AllIsasAllSizes_AsStandardAlgorithms) {
  for (std::size_t n = 1; n <= 70; ++n) {
    const std::vector<float> x = random_floats(n, 11, 4.0F);
    std::vector<float> sorted = x;
    std::sort(sorted.begin(), sorted.end());
    for (const Isa isa : available_isas()) {
      const RowRange range = range_of_row(x.data(), length(x), isa);
      EXPECT_EQ(range.smallest, sorted.front());
      EXPECT_EQ(range.largest, sorted.back());
      EXPECT_EQ(range.n_above, 0);
      for (const float bound : {sorted[n / 2], sorted[0], 0.5F, 99.0F}) {
        const auto above =
            std::lower_bound(sorted.begin(), sorted.end(), bound);
        const auto count = sorted.end() - above;
        EXPECT_EQ(count_at_least(x.data(), length(x), bound, isa), count);
        EXPECT_EQ(smallest_at_least(x.data(), length(x), bound, isa),
                  count == 0 ? kInf : *above);
      }
    }
  }
}

TEST(RowScan, TakeAtLeast_InOrderWithTies) {
  std::vector<float> x = random_floats(83, 12, 1.0F);
  x[3] = x[40] = x[82] = 0.25F;
  std::vector<std::int32_t> want;
  for (std::size_t i = 0; i < x.size(); ++i) {
    if (x[i] >= 0.25F) want.push_back(static_cast<std::int32_t>(i));
  }
  for (const Isa isa : available_isas()) {
    std::vector<std::int32_t> indices(x.size());
    std::vector<float> values(x.size());
    const std::int64_t n = take_at_least(x.data(), length(x), 0.25F,
                                         indices.data(), values.data(), isa);
    indices.resize(static_cast<std::size_t>(n));
    EXPECT_EQ(indices, want) << to_string(isa);
    for (std::size_t i = 0; i < indices.size(); ++i) {
      EXPECT_EQ(values[i], x[static_cast<std::size_t>(indices[i])]);
    }
  }
}

TEST(RowScan, UnusableElements_AreCounted) {
  for (const std::size_t n : {5U, 16U, 37U}) {
    std::vector<float> x = random_floats(n, 13, 1.0F);
    x[0] = kNan;
    x[n - 1] = kInf;
    x[n / 2] = -kInf;
    for (const Isa isa : available_isas()) {
      const RowRange range = range_of_row(x.data(), length(x), isa);
      EXPECT_EQ(range.n_above, 2) << to_string(isa);
      EXPECT_EQ(range.smallest, -kInf);
      EXPECT_EQ(range.largest, kInf);
    }
  }
}

TEST(RowScan, DivideRow_IsDivision) {
  for (std::size_t n = 1; n <= 40; ++n) {
    const std::vector<float> x = random_floats(n, 14, 9.0F);
    std::vector<float> want;
    for (const float v : x) want.push_back(v / 0.7F);
    for (const Isa isa : available_isas()) {
      Guarded got(n);
      divide_row(x.data(), length(x), 0.7F, got.data(), isa);
      EXPECT_TRUE(bits_equal(got.values(), want)) << to_string(isa);
      EXPECT_TRUE(got.intact()) << to_string(isa);
    }
  }
}

}  // namespace
}  // namespace csm::kernels
