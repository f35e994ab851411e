#include "csm/base/error.h"

#include <gtest/gtest.h>

#include "csm/base/check.h"

namespace csm {
namespace {

TEST(Error, CarriesCodeAndMessage) {
  const Error error(ErrorCode::kCorrupt, "[weights] expected 8 bytes, got 3");
  EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
  EXPECT_STREQ(error.what(), "[weights] expected 8 bytes, got 3");
  EXPECT_STREQ(to_string(error.code()), "corrupt");
}

TEST(Check, FailedConditionThrowsInternalWithPlace) {
  try {
    CSM_CHECK(1 + 1 == 3, "arithmetic");
    FAIL() << "no throw";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInternal);
    EXPECT_NE(std::string(error.what()).find("error_test.cpp"),
              std::string::npos);
    EXPECT_NE(std::string(error.what()).find("arithmetic"), std::string::npos);
  }
}

TEST(StrCat, JoinsMixedTypes) {
  EXPECT_EQ(str_cat("expected ", 3, ", got ", 2.5, '!'),
            "expected 3, got 2.5!");
}

}  // namespace
}  // namespace csm
