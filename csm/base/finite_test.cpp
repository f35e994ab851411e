#include "csm/base/finite.h"

#include <gtest/gtest.h>

#include <cstddef>
#include <limits>
#include <vector>

namespace csm {
namespace {

TEST(FindNotFinite, OneValueThatIsNot_IsFound) {
  const float infinity = std::numeric_limits<float>::infinity();
  const float nan = std::numeric_limits<float>::quiet_NaN();
  const float longest = std::numeric_limits<float>::max();
  std::vector<float> values(37, -longest);
  EXPECT_FALSE(find_not_finite(values));
  EXPECT_FALSE(find_not_finite({}));
  for (const float bad : {infinity, -infinity, nan, -nan}) {
    for (std::size_t i = 0; i < values.size(); ++i) {
      values[i] = bad;
      EXPECT_EQ(find_not_finite(values), i);
      values[i] = 0;
    }
  }
}

TEST(FindNotFinite, SeveralThatAreNot_TheFirstIsFound) {
  std::vector<float> values(37, 1.0F);
  values[20] = values[30] = std::numeric_limits<float>::infinity();
  EXPECT_EQ(find_not_finite(values), 20U);
}

}  // namespace
}  // namespace csm
