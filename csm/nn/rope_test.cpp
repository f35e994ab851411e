#include "csm/nn/rope.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <string>

#include "csm/base/error.h"

namespace csm::nn {
namespace {

RopeConfig parse(const std::string& text) {
  const Json json = parse_json(text, "test");
  return parse_rope(JsonObject(json, "test"), 10000);
}

std::string error_of(const std::string& text, ErrorCode code) {
  try {
    static_cast<void>(parse(text));
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  ADD_FAILURE() << "no error for " << text;
  return "";
}

// tests/data/rope.json: tools/oracle/rope.py
TEST(Rope, InverseFrequencies_WithinOneUlpOfTransformers) {
  const Json cases =
      parse_json_file(std::string(CSM_SOURCE_DIR) + "/tests/data/rope.json");
  ASSERT_GE(cases.size(), 8U);
  int n_different = 0;
  for (const Json& json : cases) {
    const JsonObject object(json, "rope.json");
    const int head_dim = static_cast<int>(object.integer("head_dim", 1, 4096));
    const std::vector<float> got =
        rope_inverse_frequencies(head_dim, parse_rope(object, 1));
    const auto want = json.at("inv_freq").get<std::vector<float>>();
    ASSERT_EQ(got.size(), want.size());
    for (std::size_t j = 0; j < got.size(); ++j) {
      EXPECT_LE(std::nextafter(want[j], 0.0F), got[j]) << head_dim << " " << j;
      EXPECT_GE(std::nextafter(want[j], 2.0F), got[j]) << head_dim << " " << j;
      n_different += got[j] == want[j] ? 0 : 1;
    }
  }
  EXPECT_LE(n_different, 1);  // torch's own pow is off in one of 377
}

TEST(Rope, Llama3_KeepsBlendsAndDividesAsTheCsm1bDoes) {
  const RopeConfig scaled = parse(
      R"({"rope_theta": 500000, "rope_scaling": {"rope_type": "llama3",
          "factor": 32.0, "high_freq_factor": 0.5, "low_freq_factor": 0.125,
          "original_max_position_embeddings": 1024}})");
  const auto got = rope_inverse_frequencies(64, scaled);
  const auto plain =
      rope_inverse_frequencies(64, {.theta = 500000, .llama3 = {}});
  for (std::size_t j = 0; j < 32; ++j) {
    if (j < 15) {
      EXPECT_EQ(got[j], plain[j]) << j;
    } else if (j < 18) {
      EXPECT_LT(got[j], plain[j]) << j;
      EXPECT_GT(got[j], plain[j] / 32) << j;
    } else {
      EXPECT_EQ(got[j], plain[j] / 32) << j;
    }
  }
}

TEST(Rope, ScalingAbsentNullOrDefault_MeansNone) {
  EXPECT_FALSE(parse("{}").llama3);
  EXPECT_FALSE(parse(R"({"rope_scaling": null})").llama3);
  EXPECT_FALSE(parse(R"({"rope_scaling": {"rope_type": "default"}})").llama3);
  EXPECT_FALSE(parse(R"({"rope_scaling": {"type": "default"}})").llama3);
  EXPECT_EQ(parse("{}").theta, 10000);
  EXPECT_EQ(parse(R"({"rope_theta": 5})").theta, 5);
}

TEST(Rope, OlderNameType_IsRead) {
  const auto scaling = parse(R"({"rope_scaling": {"type": "llama3", "factor": 8,
                "high_freq_factor": 4, "low_freq_factor": 1,
                "original_max_position_embeddings": 64}})")
                           .llama3;
  ASSERT_TRUE(scaling);
  EXPECT_EQ(scaling->factor, 8);
  EXPECT_EQ(scaling->original_max_positions, 64);
}

// transformers 5 writes one object for both.
TEST(Rope, Parameters_HoldThetaAndScaling) {
  const auto rope = parse(R"({"rope_parameters": {"rope_type": "llama3",
                "rope_theta": 500000, "factor": 32, "high_freq_factor": 0.5,
                "low_freq_factor": 0.125,
                "original_max_position_embeddings": 1024}})");
  EXPECT_EQ(rope.theta, 500000);
  ASSERT_TRUE(rope.llama3);
  EXPECT_EQ(rope.llama3->high_freq_factor, 0.5);
  const auto plain = parse(R"({"rope_parameters": {"rope_type": "default",
                "rope_theta": 1000}, "rope_scaling": null})");
  EXPECT_EQ(plain.theta, 1000);
  EXPECT_FALSE(plain.llama3);
}

TEST(Rope, BadScaling_ErrorNamesTheField) {
  EXPECT_THAT(error_of(R"({"rope_scaling": {"rope_type": "yarn"}})",
                       ErrorCode::kUnsupported),
              testing::HasSubstr("rope_type"));
  EXPECT_THAT(error_of(R"({"rope_scaling": 3})", ErrorCode::kCorrupt),
              testing::HasSubstr("rope_scaling"));
  EXPECT_THAT(error_of(R"({"rope_scaling": {"rope_type": "llama3"}})",
                       ErrorCode::kCorrupt),
              testing::HasSubstr("factor"));
  EXPECT_THAT(error_of(R"({"rope_scaling": {"rope_type": "llama3", "factor": 8,
                   "high_freq_factor": 1, "low_freq_factor": 1,
                   "original_max_position_embeddings": 64}})",
                       ErrorCode::kCorrupt),
              testing::HasSubstr("high_freq_factor"));
  EXPECT_THAT(error_of(R"({"rope_theta": 0})", ErrorCode::kCorrupt),
              testing::HasSubstr("rope_theta"));
}

}  // namespace
}  // namespace csm::nn
