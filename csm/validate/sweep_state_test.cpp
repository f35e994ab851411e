#include "csm/validate/sweep_state.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "csm/base/error.h"
#include "csm/validate/testing.h"

namespace csm::validate {
namespace {

class SweepStateTest : public testing::Test {
 protected:
  void SetUp() override { std::filesystem::remove(path_); }
  void TearDown() override { std::filesystem::remove(path_); }

  // Of this test alone: others run beside it.
  std::filesystem::path path_ =
      std::filesystem::path(testing::TempDir()) /
      (std::string("csm-sweep-state-") +
       testing::UnitTest::GetInstance()->current_test_info()->name() + ".json");
};

TEST_F(SweepStateTest, GoesOnAfterAnInterruption) {
  {
    SweepState state(path_, "print", false);
    EXPECT_EQ(state.find(0.8, 100), nullptr);
    state.add({{"temperature", 0.8}, {"top_k", 100}, {"x", 7}});
  }
  const SweepState again(path_, "print", false);
  ASSERT_NE(again.find(0.8, 100), nullptr);
  EXPECT_EQ((*again.find(0.8, 100))["x"], 7);
  EXPECT_EQ(again.find(0.8, 50), nullptr);
  EXPECT_EQ(again.find(0.9, 100), nullptr);
}

TEST_F(SweepStateTest, RefusesAnotherSweep) {
  SweepState(path_, "one", false).add({{"temperature", 1}, {"top_k", 1}});
  EXPECT_THROW(SweepState(path_, "two", false), Error);
  EXPECT_TRUE(SweepState(path_, "two", true).cells().empty());
}

TEST_F(SweepStateTest, RefusesABrokenFile) {
  for (const char* text :
       {"{", "[]", "{\"fingerprint\": \"p\"}",
        "{\"fingerprint\": \"p\", \"cells\": [{\"top_k\": 1}]}"}) {
    std::ofstream(path_) << text;
    EXPECT_THROW(SweepState(path_, "p", false), Error) << text;
  }
}

TEST(SweepFingerprint, DependsOnLogitsAndOptionsNotOnTheGrid) {
  LogitRows rows = bell_rows(1, 1, 20, 20, 8);
  sampling::SamplerOptions options;
  const MeasureOptions measure;
  const auto print = sweep_fingerprint(rows, options, measure);
  options.temperature = 0.5F;
  options.top_k = 10;
  EXPECT_EQ(sweep_fingerprint(rows, options, measure), print);
  options.kind = sampling::SamplerKind::kTorchBf16;
  EXPECT_NE(sweep_fingerprint(rows, options, measure), print);
  options.kind = sampling::SamplerKind::kTorchF32;
  rows.data[3] += 1.0F;
  EXPECT_NE(sweep_fingerprint(rows, options, measure), print);
}

}  // namespace
}  // namespace csm::validate
