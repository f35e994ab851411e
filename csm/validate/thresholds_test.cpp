#include "csm/validate/thresholds.h"

#include <gtest/gtest.h>

#include <cmath>

#include "csm/base/error.h"

namespace csm::validate {
namespace {

Thresholds limits(const char* setting) {
  const std::string text =
      std::string("{\"run\": {}, \"setting\": ") + setting + "}";
  return Thresholds::parse(parse_json(text, "limits"), "limits");
}

TEST(Thresholds, JudgeByDottedPath) {
  const OrderedJson result = {{"match", {{"defects", 2}}}, {"p", 0.5}};
  const auto checks =
      limits("{\"match.defects\": {\"max\": 0}, \"p\": {\"min\": 0.1}}")
          .check_setting(result, "here");
  ASSERT_EQ(checks.size(), 2U);
  EXPECT_FALSE(checks[0].passed);
  EXPECT_EQ(checks[0].value, 2.0);
  EXPECT_EQ(checks[0].limit, "<= 0");
  EXPECT_TRUE(checks[1].passed);
}

TEST(Thresholds, AMissingMetricIsNoPass) {
  EXPECT_THROW((void)limits("{\"q\": {\"max\": 0}}").check_setting({}, "x"),
               Error);
  EXPECT_TRUE(limits("{\"q\": {\"max\": 0, \"optional\": true}}")
                  .check_setting({}, "x")
                  .empty());
}

TEST(Thresholds, NanFails) {
  const OrderedJson result = {{"p", std::nan("")}};
  const auto checks = limits("{\"p\": {\"min\": 0}}").check_setting(result, "");
  EXPECT_FALSE(checks.at(0).passed);
}

TEST(Thresholds, RefusesALimitWithoutBound) {
  EXPECT_THROW((void)limits("{\"p\": {}}"), Error);
}

}  // namespace
}  // namespace csm::validate
