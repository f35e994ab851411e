#include "csm/validate/token_file.h"

#include <gtest/gtest.h>

#include <cmath>

#include "csm/base/error.h"
#include "csm/validate/reference_sampler.h"
#include "csm/validate/testing.h"

namespace csm::validate {
namespace {

TokenFile tokens(std::vector<std::int32_t> codes) {
  return {"file", static_cast<int>(codes.size()) / 2, 2, std::move(codes)};
}

TEST(FirstDifference, IsACodeOrTheEndOfTheShorter) {
  const TokenFile a = tokens({1, 2, 3, 4, 5, 6});
  EXPECT_FALSE(first_difference(a, a));
  const auto code = first_difference(a, tokens({1, 2, 3, 9, 5, 6}));
  ASSERT_TRUE(code);
  EXPECT_EQ(code->frame, 1);
  EXPECT_EQ(code->codebook, 1);
  const auto end = first_difference(a, tokens({1, 2, 3, 4}));
  ASSERT_TRUE(end);
  EXPECT_EQ(end->frame, 2);
  EXPECT_EQ(end->codebook, 0);
}

TEST(FirstDifference, RefusesOtherCodebooks) {
  const TokenFile other = {"b", 2, 3, {1, 2, 3, 4, 5, 6}};
  EXPECT_THROW((void)first_difference(tokens({1, 2}), other), Error);
}

TEST(CompareLogits, FindsTheFirstStage) {
  TokenLogits a = {2, 2, 3, std::vector<float>(12, 1.0F)};
  TokenLogits b = a;
  b.values[3 + 1] += 1e-3F;     // frame 0, codebook 1
  b.values[3 * 2 + 2] += 0.5F;  // frame 1, codebook 0
  const auto found = compare_logits(a, b, {1, 0}, 1e-4);
  ASSERT_TRUE(found.first);
  EXPECT_EQ(found.first->frame, 0);
  EXPECT_EQ(found.first->codebook, 1);
  EXPECT_NEAR(found.at_last, 0.5, 1e-6);
  EXPECT_FALSE(compare_logits(a, b, {0, 0}, 1e-4).first);
  b.values[0] = NAN;
  EXPECT_TRUE(compare_logits(a, b, {0, 0}, 1e-4).first);
}

// Draw number 5 of a stream over six rows is row 5 of one call.
TEST(ReplayDraw, FindsTheNoiseOfAPlace) {
  const LogitRows rows = bell_rows(3, 2, 100, 100, 64);
  const sampling::SamplerOptions options = {.codec_safety =
                                                sampling::CodecSafety::kTorch};
  const auto draws = draw_reference(rows, options, 1, 9);
  const Replay replay = replay_draw(rows.row(5), options, 9, 5);
  EXPECT_EQ(replay.best, draws.codes[5]);
  EXPECT_EQ(static_cast<float>(replay.margin), draws.margins[5]);
  EXPECT_NE(replay.second, replay.best);
}

TEST(JudgeDifference, TellsWhoseDefectItIs) {
  const LogitRows rows = bell_rows(1, 1, 100, 100, 64);
  const sampling::SamplerOptions options = {.codec_safety =
                                                sampling::CodecSafety::kTorch};
  const Replay truth = replay_draw(rows.row(0), options, 9, 0);
  const auto judge = [&](std::int32_t a, std::int32_t b, double blur) {
    return judge_difference(rows.row(0), options, 9, 0, a, b, blur).cause;
  };
  const std::int32_t other = truth.best == 3 || truth.second == 3 ? 4 : 3;
  EXPECT_EQ(judge(truth.best, truth.second, 0.0), Cause::kDefectInB);
  EXPECT_EQ(judge(truth.second, truth.best, 0.0), Cause::kDefectInA);
  EXPECT_EQ(judge(other, truth.second, 0.0), Cause::kDefectInBoth);
  EXPECT_EQ(judge(truth.best, truth.second, 1.0), Cause::kNearTie);
  EXPECT_EQ(judge(truth.best, other, 1.0), Cause::kDefectInB);
}

TEST(JudgeDifference, GreedyComparesLogits) {
  const std::vector<float> logits = {1.0F, 3.0F, 2.999F};
  const sampling::SamplerOptions options = {
      .greedy = true, .codec_safety = sampling::CodecSafety::kTorch};
  const Verdict verdict = judge_difference(logits, options, 0, 0, 1, 2, 0.0);
  EXPECT_EQ(verdict.expected, 1);
  EXPECT_EQ(verdict.runner_up, 2);
  EXPECT_NEAR(verdict.margin, 0.001, 1e-6);
  EXPECT_EQ(verdict.cause, Cause::kDefectInB);
}

TEST(CompareTokenFiles, Summarises) {
  const auto json =
      compare_token_files(tokens({1, 2, 3, 4}), tokens({1, 2, 3, 9, 5, 6}));
  EXPECT_EQ(json["match_rate"], 0.75);
  EXPECT_EQ(json["match_rate_by_codebook"][1], 0.5);
  EXPECT_EQ(json["frames"][1], 3);
  EXPECT_GT(json["frequencies"]["similarity"].get<double>(), 0.0);
}

}  // namespace
}  // namespace csm::validate
