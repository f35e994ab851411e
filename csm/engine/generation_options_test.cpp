#include "csm/engine/generation_options.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "csm/base/error.h"

namespace csm::engine {
namespace {

constexpr int kCodes = 2051;

std::string message_of(const GenerationOptions& options) {
  try {
    options.validate(kCodes);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return {};
}

TEST(GenerationOptions, DefaultsAreTheProjects) {
  const GenerationOptions options;
  EXPECT_EQ(message_of(options), "");
  EXPECT_EQ(options.temperature, 0.8F);
  EXPECT_EQ(options.top_k, 100);
  EXPECT_EQ(options.max_audio_ms, 90000);
}

TEST(GenerationOptions, ErrorsNameTheField) {
  GenerationOptions options;
  options.temperature = std::numeric_limits<float>::infinity();
  EXPECT_NE(message_of(options).find("temperature"), std::string::npos);
  options = {};
  options.top_k = kCodes + 1;
  EXPECT_NE(message_of(options).find("top_k"), std::string::npos);
  options = {};
  options.max_audio_ms = 0;
  EXPECT_NE(message_of(options).find("max_audio_ms"), std::string::npos);
}

TEST(GenerationOptions, GreedyNeedsNoTemperature) {
  GenerationOptions options;
  options.greedy = true;
  options.temperature = 0;
  EXPECT_EQ(message_of(options), "");
}

}  // namespace
}  // namespace csm::engine
