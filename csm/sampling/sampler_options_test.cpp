#include "csm/sampling/sampler_options.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

#include "csm/base/error.h"

namespace csm::sampling {
namespace {

std::string message_of(const SamplerOptions& options, int vocab = 2051) {
  try {
    options.validate(vocab);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    return error.what();
  }
  return "";
}

TEST(SamplerOptions, Defaults_NeedOnlyTheNumberOfValidCodes) {
  SamplerOptions options;
  EXPECT_EQ(message_of(options),
            "[sampling.options] expected n_valid_codes of at least 1 with "
            "mask-invalid, got 0");
  options.n_valid_codes = 2048;
  EXPECT_EQ(message_of(options), "");
}

TEST(SamplerOptions, BadTemperature_NamesTheFieldAndValue) {
  for (const float temperature :
       {0.0F, -0.5F, std::numeric_limits<float>::infinity(),
        std::numeric_limits<float>::quiet_NaN()}) {
    const SamplerOptions options = {.temperature = temperature,
                                    .n_valid_codes = 2048};
    EXPECT_NE(message_of(options).find("temperature"), std::string::npos);
  }
  const SamplerOptions options = {.temperature = -0.5F, .n_valid_codes = 1};
  EXPECT_EQ(message_of(options),
            "[sampling.options] expected temperature finite and above 0 "
            "(greedy is its own option), got -0.5");
}

TEST(SamplerOptions, BadTopK_NamesTheFieldAndValue) {
  SamplerOptions options = {.top_k = 0, .n_valid_codes = 2048};
  EXPECT_EQ(message_of(options),
            "[sampling.options] expected top_k of at least 1, got 0");
  options.top_k = 2052;
  EXPECT_EQ(message_of(options),
            "[sampling.options] expected top_k of at most 2051 (the number of "
            "codes), got 2052");
  options.top_k = 2051;
  EXPECT_EQ(message_of(options), "");
}

TEST(SamplerOptions, OtherSafetyRules_NeedNoNumberOfValidCodes) {
  EXPECT_EQ(message_of({.codec_safety = CodecSafety::kTorch}), "");
  EXPECT_EQ(message_of({.codec_safety = CodecSafety::kLegacyRange}), "");
}

TEST(SamplerOptions, Names_RoundTrip) {
  for (const SamplerKind kind :
       {SamplerKind::kTorchF32, SamplerKind::kTorchBf16}) {
    EXPECT_EQ(parse_sampler_kind(to_string(kind)), kind);
  }
  for (const CodecSafety safety :
       {CodecSafety::kMaskInvalid, CodecSafety::kTorch,
        CodecSafety::kLegacyRange}) {
    EXPECT_EQ(parse_codec_safety(to_string(safety)), safety);
  }
  EXPECT_EQ(parse_sampler_kind("f32"), std::nullopt);
  EXPECT_EQ(parse_codec_safety(""), std::nullopt);
}

TEST(SamplerOptions, ToString_ListsEveryField) {
  const SamplerOptions options = {.n_valid_codes = 2048};
  EXPECT_EQ(options.to_string(),
            "temperature=0.8 top_k=100 greedy=false sampler=torch-f32 "
            "codec_safety=mask-invalid n_valid_codes=2048");
}

}  // namespace
}  // namespace csm::sampling
