#include "csm/validate/probes.h"

#include <gtest/gtest.h>

#include "csm/validate/reference_sampler.h"

namespace csm::validate {
namespace {

constexpr int kVocab = 2051;

class ProbesTest : public testing::TestWithParam<ProbeKind> {};

TEST_P(ProbesTest, AreWonByAHairAndAnsweredByOurSampler) {
  const auto probes = make_probes(GetParam(), kVocab, 16);
  ASSERT_EQ(probes.size(), 16U);
  for (const Probe& probe : probes) {
    const auto draws =
        draw_reference(probe.rows, probe_options(kVocab), 1, probe.seed);
    EXPECT_EQ(draws.codes[0], probe.expected);
    EXPECT_GT(draws.margins[0], 5e-6F);
    EXPECT_LT(draws.margins[0], 1.5e-5F);
  }
  EXPECT_EQ(count_failed_probes(probes, csm_sampler()), 0);
}

TEST_P(ProbesTest, FailASamplerThatPicksTheRival) {
  const auto probes = make_probes(GetParam(), kVocab, 4);
  std::size_t next = 0;
  const DrawCodes wrong = [&](const LogitRows&, const auto&, int,
                              std::uint64_t) {
    return std::vector<std::int32_t>{probes[next++].rival};
  };
  EXPECT_EQ(count_failed_probes(probes, wrong), 4);
}

INSTANTIATE_TEST_SUITE_P(Kinds, ProbesTest,
                         testing::Values(ProbeKind::kSmallNoise,
                                         ProbeKind::kLargeNoise),
                         [](const auto& test) {
                           return to_string(test.param);
                         });

}  // namespace
}  // namespace csm::validate
