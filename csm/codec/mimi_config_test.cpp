#include "csm/codec/mimi_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "csm/base/error.h"

namespace csm::codec {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

MimiConfig parse(const std::string& text) {
  const Json json = parse_json(text, "config.json: codec_config");
  return MimiConfig::parse(JsonObject(json, "config.json: codec_config"));
}

TEST(MimiConfig, Empty_IsKyutaiMimi) {
  const MimiConfig c = parse("{}");
  EXPECT_EQ(c.sample_rate, 24000);
  EXPECT_EQ(c.frame_samples(), 1920);
  EXPECT_EQ(c.n_codebooks, 32);
  EXPECT_EQ(c.n_semantic, 1);
  EXPECT_EQ(c.codebook_size, 2048);
  EXPECT_EQ(c.codebook_dim, 256);
  EXPECT_EQ(c.upsample_groups, 512);
  EXPECT_EQ(c.transformer.width, 512);
  EXPECT_EQ(c.transformer.n_layers, 8);
  EXPECT_EQ(c.transformer.head_dim, 64);
  EXPECT_EQ(c.transformer.window, 250);
  EXPECT_EQ(c.transformer.rope.theta, 10000);
  EXPECT_THAT(c.seanet.ratios, ElementsAre(8, 6, 5, 4));
  EXPECT_EQ(c.seanet.n_filters, 64);
  EXPECT_EQ(c.seanet.n_residual_layers, 1);
}

TEST(MimiConfig, SavedByTransformers_Read) {
  const MimiConfig c = MimiConfig::load(std::filesystem::path(CSM_SOURCE_DIR) /
                                        "tests/data/tiny/plain_heads");
  EXPECT_EQ(c.frame_samples(), 12);
  EXPECT_EQ(c.n_codebooks, 4);
  EXPECT_EQ(c.n_semantic, 2);
  EXPECT_EQ(c.codebook_dim, 16);
  EXPECT_EQ(c.upsample_groups, 8);
  EXPECT_EQ(c.transformer.head_dim, 6);
  EXPECT_EQ(c.transformer.n_kv_heads, 2);
  EXPECT_EQ(c.transformer.window, 7);
  EXPECT_EQ(c.seanet.compress, 4);
  EXPECT_EQ(c.seanet.n_residual_layers, 2);
  EXPECT_EQ(c.seanet.kernel, 5);
  EXPECT_EQ(c.seanet.last_kernel, 5);
  EXPECT_EQ(c.seanet.residual_kernel, 5);
}

TEST(MimiConfig, FrameRate_MayBeGivenIfItIsTheRightOne) {
  EXPECT_EQ(parse(R"({"frame_rate": 12.5})").frame_samples(), 1920);
  EXPECT_EQ(parse(R"({"_frame_rate": null})").frame_samples(), 1920);
}

TEST(MimiConfig, NullCodebookDim_IsTheWidth) {
  const MimiConfig c = parse(
      R"({"codebook_dim": null,
          "vector_quantization_hidden_dimension": 512})");
  EXPECT_EQ(c.codebook_dim, 512);
}

struct BadConfig {
  const char* text;
  const char* field;
  ErrorCode code = ErrorCode::kCorrupt;
};

class BadMimiConfig : public testing::TestWithParam<BadConfig> {};

TEST_P(BadMimiConfig, OneLineNamesTheField) {
  try {
    static_cast<void>(parse(GetParam().text));
    FAIL() << "accepted " << GetParam().text;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), GetParam().code) << error.what();
    const std::string message = error.what();
    EXPECT_THAT(message, HasSubstr(GetParam().field));
    EXPECT_THAT(message, HasSubstr("codec_config"));
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

constexpr auto kUnsupported = ErrorCode::kUnsupported;

INSTANTIATE_TEST_SUITE_P(
    Variants, BadMimiConfig,
    testing::Values(
        BadConfig{R"({"model_type": "encodec"})", "model_type", kUnsupported},
        BadConfig{R"({"hidden_act": "silu"})", "hidden_act", kUnsupported},
        BadConfig{R"({"pad_mode": "reflect"})", "pad_mode", kUnsupported},
        BadConfig{R"({"use_causal_conv": false})", "use_causal_conv",
                  kUnsupported},
        BadConfig{R"({"use_conv_shortcut": true})", "use_conv_shortcut",
                  kUnsupported},
        BadConfig{R"({"attention_bias": true})", "attention_bias",
                  kUnsupported},
        BadConfig{R"({"audio_channels": 2})", "audio_channels", kUnsupported},
        BadConfig{R"({"trim_right_ratio": 0.5})", "trim_right_ratio",
                  kUnsupported},
        BadConfig{R"({"sliding_window": null})", "sliding_window",
                  kUnsupported},
        BadConfig{R"({"frame_rate": 25})", "frame_rate", kUnsupported},
        BadConfig{R"({"rope_scaling": {"type": "linear", "factor": 2}})",
                  "rope_scaling", kUnsupported}));

INSTANTIATE_TEST_SUITE_P(
    Ranges, BadMimiConfig,
    testing::Values(
        BadConfig{R"({"hidden_size": 0})", "hidden_size"},
        BadConfig{R"({"hidden_size": 1000000000})", "hidden_size"},
        BadConfig{R"({"num_attention_heads": 7})", "num_attention_heads"},
        BadConfig{R"({"num_key_value_heads": 3})", "num_key_value_heads"},
        BadConfig{R"({"head_dim": 5})", "head_dim"},
        BadConfig{R"({"sliding_window": 0})", "sliding_window"},
        BadConfig{R"({"sliding_window": 2000000000})", "sliding_window"},
        BadConfig{R"({"num_filters": 2000})", "num_filters"},
        BadConfig{R"({"upsampling_ratios": []})", "upsampling_ratios"},
        BadConfig{R"({"upsampling_ratios": 8})", "upsampling_ratios"},
        BadConfig{R"({"upsampling_ratios": [8, 0]})", "upsampling_ratios"},
        BadConfig{R"({"upsampling_ratios": [8, "6"]})", "upsampling_ratios"},
        BadConfig{R"({"upsampling_ratios": [64, 64, 64, 64]})",
                  "upsampling_ratios"},
        BadConfig{R"({"upsampling_ratios": [2,2,2,2,2,2,2,2,2]})",
                  "upsampling_ratios"},
        BadConfig{R"({"kernel_size": 0})", "kernel_size"},
        BadConfig{R"({"residual_kernel_size": [3]})", "residual_kernel_size"},
        BadConfig{R"({"num_residual_layers": 16, "dilation_growth_rate": 16})",
                  "dilation_growth_rate"},
        BadConfig{R"({"compress": 65})", "compress"},
        BadConfig{R"({"num_quantizers": 1})", "num_quantizers"},
        BadConfig{R"({"num_semantic_quantizers": 32})",
                  "num_semantic_quantizers"},
        BadConfig{R"({"num_semantic_quantizers": 0})",
                  "num_semantic_quantizers"},
        BadConfig{R"({"codebook_size": 0})", "codebook_size"},
        BadConfig{R"({"codebook_dim": 128})",
                  "vector_quantization_hidden_dimension"},
        BadConfig{R"({"upsample_groups": 7})", "upsample_groups"},
        BadConfig{R"({"sampling_rate": 0})", "sampling_rate"},
        BadConfig{R"({"norm_eps": "tiny"})", "norm_eps"}));

TEST(MimiConfig, CheckServes_NamesWhatDoesNotFit) {
  const MimiConfig c = parse(R"({"num_quantizers": 8,
                                 "num_semantic_quantizers": 2})");
  c.check_serves(8, 2051);
  c.check_serves(3, 2048);
  const auto message = [&](int n_codebooks, int vocab) -> std::string {
    try {
      c.check_serves(n_codebooks, vocab);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kCorrupt);
      return error.what();
    }
    return "no error";
  };
  EXPECT_THAT(message(9, 2051), HasSubstr("num_quantizers"));
  EXPECT_THAT(message(2, 2051), HasSubstr("num_semantic_quantizers"));
  EXPECT_THAT(message(8, 2047), HasSubstr("codebook_size"));
}

}  // namespace
}  // namespace csm::codec
