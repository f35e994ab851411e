#include "csm/validate/chi_square.h"

#include <gtest/gtest.h>

#include <cmath>
#include <vector>

#include "csm/validate/testing.h"

namespace csm::validate {
namespace {

TEST(GammaQ, EqualsScipy) {
  const Json data = load_test_data("validate.json");
  ASSERT_GE(data["gamma_q"].size(), 15U);
  for (const Json& point : data["gamma_q"]) {
    const double want = point["q"].get<double>();
    EXPECT_NEAR(gamma_q(point["a"].get<double>(), point["x"].get<double>()),
                want, 1e-9 * want)
        << point.dump();
  }
}

TEST(GammaQ, Limits) {
  EXPECT_EQ(gamma_q(3.0, 0.0), 1.0);
  EXPECT_EQ(gamma_q(3.0, INFINITY), 0.0);
}

TEST(GoodnessOfFit, EqualsScipyAfterPooling) {
  const Json data = load_test_data("validate.json");
  for (const Json& golden : data["fits"]) {
    const auto counts = golden["counts"].get<std::vector<std::int64_t>>();
    const auto p = golden["p"].get<std::vector<double>>();
    const GoodnessOfFit fit = goodness_of_fit(counts, p);
    EXPECT_NEAR(fit.statistic, golden["statistic"].get<double>(), 1e-9);
    EXPECT_EQ(fit.dof, golden["dof"].get<int>());
    EXPECT_NEAR(fit.p_value(), golden["p_value"].get<double>(), 1e-10);
    EXPECT_EQ(fit.outside, 0);
  }
}

TEST(GoodnessOfFit, ADrawOfProbabilityZeroRefutes) {
  const std::vector<std::int64_t> counts = {50, 49, 1};
  const std::vector<double> p = {0.5, 0.5, 0.0};
  const GoodnessOfFit fit = goodness_of_fit(counts, p);
  EXPECT_EQ(fit.outside, 1);
  EXPECT_EQ(fit.p_value(), 0.0);
}

TEST(GoodnessOfFit, OneCellSaysNothing) {
  const std::vector<std::int64_t> counts = {0, 9};
  const std::vector<double> p = {0.0, 1.0};
  EXPECT_EQ(goodness_of_fit(counts, p).dof, 0);
  EXPECT_EQ(goodness_of_fit(counts, p).p_value(), 1.0);
}

}  // namespace
}  // namespace csm::validate
