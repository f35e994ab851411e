#include "csm/model/generation_defaults.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "csm/base/error.h"

namespace csm::model {
namespace {

class GenerationDefaultsTest : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = std::filesystem::path(testing::TempDir()) /
           testing::UnitTest::GetInstance()->current_test_info()->name();
    std::filesystem::create_directories(dir_);
  }
  void TearDown() override { std::filesystem::remove_all(dir_); }

  GenerationDefaults load(const std::string& text) {
    std::ofstream(dir_ / "generation_config.json") << text;
    return GenerationDefaults::load(dir_, 32);
  }

  std::filesystem::path dir_;
};

TEST_F(GenerationDefaultsTest, SavedByTransformers_Read) {
  const auto got = GenerationDefaults::load(
      std::filesystem::path(CSM_SOURCE_DIR) / "tests/data/tiny/plain_heads", 3);
  EXPECT_TRUE(got.do_sample);
  EXPECT_FLOAT_EQ(got.temperature, 0.8F);
  EXPECT_EQ(got.top_k, 5);
  EXPECT_EQ(got.max_frames, 125);
  EXPECT_TRUE(got.depth_do_sample);
  EXPECT_FLOAT_EQ(got.depth_temperature, 0.8F);
  EXPECT_EQ(got.depth_top_k, 5);
}

TEST_F(GenerationDefaultsTest, NoFile_Csm1b) {
  const auto got = GenerationDefaults::load(dir_, 32);
  EXPECT_TRUE(got.do_sample);
  EXPECT_FLOAT_EQ(got.temperature, 0.9F);
  EXPECT_EQ(got.top_k, 50);
  EXPECT_EQ(got.max_frames, 125);
}

TEST_F(GenerationDefaultsTest, UnknownKeys_Ignored) {
  const auto got = load(
      R"({"depth_decoder__from_model_config": true, "whatever": [1],
          "do_sample": false, "max_new_tokens": 375,
          "depth_decoder_max_new_tokens": 31, "top_k": null})");
  EXPECT_FALSE(got.do_sample);
  EXPECT_EQ(got.max_frames, 375);
  EXPECT_EQ(got.top_k, 50);
}

TEST_F(GenerationDefaultsTest, BadValues_NameTheField) {
  const std::pair<const char*, const char*> cases[] = {
      {R"({"temperature": 0})", "temperature"},
      {R"({"temperature": -1})", "temperature"},
      {R"({"temperature": "hot"})", "temperature"},
      {R"({"top_k": -1})", "top_k"},
      {R"({"depth_decoder_top_k": 1.5})", "depth_decoder_top_k"},
      {R"({"max_new_tokens": 0})", "max_new_tokens"},
      {R"({"depth_decoder_max_new_tokens": 32})",
       "depth_decoder_max_new_tokens"},
      {R"({"depth_decoder_min_new_tokens": 30})",
       "depth_decoder_min_new_tokens"},
      {R"([])", "object"},
      {R"({"top_k": )", "JSON"},
  };
  for (const auto& [text, field] : cases) {
    try {
      static_cast<void>(load(text));
      ADD_FAILURE() << "accepted " << text;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
      EXPECT_THAT(error.what(), testing::HasSubstr(field));
      EXPECT_THAT(error.what(), testing::HasSubstr("generation_config.json"));
    }
  }
}

}  // namespace
}  // namespace csm::model
