#include "csm/model/model_config.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>

#include "csm/base/error.h"

namespace csm::model {
namespace {

using testing::HasSubstr;

constexpr const char* kSmall = R"({
  "model_type": "csm", "num_codebooks": 4, "vocab_size": 19,
  "text_vocab_size": 60, "hidden_size": 64, "intermediate_size": 96,
  "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 2,
  "max_position_embeddings": 128, "rope_scaling": null,
  "depth_decoder_config": {
    "model_type": "csm_depth_decoder_model", "backbone_hidden_size": 64,
    "num_codebooks": 4, "vocab_size": 19, "hidden_size": 32,
    "intermediate_size": 48, "num_hidden_layers": 1, "num_attention_heads": 4,
    "num_key_value_heads": 2, "max_position_embeddings": 33}})";

/// kSmall with an RFC 7386 merge patch; "~key" removes, as null is a value.
ModelConfig parse(const std::string& patch) {
  Json json = parse_json(kSmall, "small");
  const Json changes = parse_json(patch, "patch");
  for (const auto& [key, value] : changes.items()) {
    if (key.starts_with('~')) {
      json.erase(key.substr(1));
    } else if (key == "depth_decoder_config" && value.is_object()) {
      for (const auto& [inner, inner_value] : value.items()) {
        json[key][inner] = inner_value;
      }
    } else {
      json[key] = value;
    }
  }
  return ModelConfig::parse(JsonObject(json, "config.json"));
}

std::filesystem::path tiny(const std::string& name) {
  return std::filesystem::path(CSM_SOURCE_DIR) / "tests/data/tiny" / name;
}

TEST(ModelConfig, SavedByTransformers_AllFieldsRead) {
  const ModelConfig c = ModelConfig::load(tiny("plain_heads"));
  EXPECT_EQ(c.n_codebooks, 3);
  EXPECT_EQ(c.audio_vocab, 11);
  EXPECT_EQ(c.text_vocab, 50);
  EXPECT_FALSE(c.tied_audio_tables);
  EXPECT_EQ(c.bos_token, 1);
  EXPECT_EQ(c.audio_token, 47);
  EXPECT_EQ(c.audio_eos_token, 48);
  EXPECT_EQ(c.codebook_eos, 0);
  EXPECT_EQ(c.codebook_pad, 10);
  EXPECT_EQ(c.backbone.width, 32);
  EXPECT_EQ(c.backbone.hidden, 64);
  EXPECT_EQ(c.backbone.n_layers, 3);
  EXPECT_EQ(c.backbone.n_heads, 2);
  EXPECT_EQ(c.backbone.n_kv_heads, 2);
  EXPECT_EQ(c.backbone.head_dim, 16);
  EXPECT_EQ(c.backbone.max_positions, 2048);
  EXPECT_FLOAT_EQ(c.backbone.norm_eps, 1e-6F);
  EXPECT_EQ(c.backbone.rope.theta, 10000);
  ASSERT_TRUE(c.backbone.rope.llama3);
  EXPECT_EQ(c.depth.width, 24);
  EXPECT_EQ(c.depth.n_layers, 1);
  EXPECT_EQ(c.depth.n_heads, 3);
  EXPECT_FALSE(c.depth.rope.llama3);
}

TEST(ModelConfig, ExplicitHeadDim_NeedNotDivideTheWidth) {
  const ModelConfig c = ModelConfig::load(tiny("explicit_heads"));
  EXPECT_EQ(c.backbone.head_dim, 10);
  EXPECT_EQ(c.backbone.n_heads, 6);
  EXPECT_EQ(c.backbone.n_kv_heads, 3);
  EXPECT_EQ(c.depth.head_dim, 12);
  EXPECT_EQ(c.depth.n_kv_heads, 1);
}

TEST(ModelConfig, NothingButItsType_IsCsm1b) {
  const Json json = parse_json(R"({"model_type": "csm"})", "config.json");
  const ModelConfig c = ModelConfig::parse(JsonObject(json, "config.json"));
  EXPECT_EQ(c.n_codebooks, 32);
  EXPECT_EQ(c.audio_vocab, 2051);
  EXPECT_EQ(c.text_vocab, 128256);
  EXPECT_EQ(c.backbone.width, 2048);
  EXPECT_EQ(c.backbone.head_dim, 64);
  EXPECT_EQ(c.backbone.n_layers, 16);
  EXPECT_EQ(c.depth.width, 1024);
  EXPECT_EQ(c.depth.head_dim, 128);
  EXPECT_EQ(c.depth.n_kv_heads, 2);
  EXPECT_TRUE(c.tied_audio_tables);
  EXPECT_EQ(c.backbone.rope.theta, 500000);
  EXPECT_EQ(c.audio_eos_token, 128003);
}

ModelConfig parse_in(weights::Layout layout, const std::string& text) {
  const Json json = parse_json(text, "config.json");
  return ModelConfig::parse(JsonObject(json, "config.json"), layout);
}

// spec/weights.md 2: config.json of the original's repository before
// transformers had the model.
constexpr const char* kFiveKeys = R"({
  "backbone_flavor": "llama-1B", "decoder_flavor": "llama-100M",
  "text_vocab_size": 128256, "audio_vocab_size": 2051,
  "audio_num_codebooks": 32})";

TEST(ModelConfig, OriginalsFiveKeys_AreCsm1bWithItsScaling) {
  for (const char* text : {kFiveKeys, "{}"}) {
    const ModelConfig c = parse_in(weights::Layout::kOriginal, text);
    EXPECT_EQ(c.to_string(), parse_in(weights::Layout::kHuggingFace,
                                      R"({"model_type": "csm"})")
                                 .to_string());
    ASSERT_TRUE(c.backbone.rope.llama3);
    EXPECT_EQ(c.backbone.rope.llama3->factor, 32);
    EXPECT_EQ(c.backbone.rope.llama3->original_max_positions, 1024);
    ASSERT_TRUE(c.depth.rope.llama3);
    EXPECT_EQ(c.depth.rope.llama3->high_freq_factor, 0.0078125);
  }
}

TEST(ModelConfig, Flavors_AreSizes) {
  const ModelConfig c = parse_in(weights::Layout::kMlx, R"({
    "backbone_flavor": "llama-8B", "decoder_flavor": "llama-300M",
    "audio_vocab_size": 1027, "audio_num_codebooks": 40})");
  EXPECT_EQ(c.backbone.width, 4096);
  EXPECT_EQ(c.backbone.hidden, 14336);
  EXPECT_EQ(c.backbone.n_layers, 32);
  EXPECT_EQ(c.backbone.head_dim, 128);
  EXPECT_EQ(c.depth.width, 1536);
  EXPECT_EQ(c.depth.n_kv_heads, 6);
  EXPECT_EQ(c.depth.max_positions, 41);
  EXPECT_EQ(c.n_codebooks, 40);
  EXPECT_EQ(c.audio_vocab, 1027);
  try {
    (void)parse_in(weights::Layout::kOriginal,
                   R"({"backbone_flavor": "llama-2B"})");
    FAIL() << "accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kUnsupported);
    EXPECT_THAT(error.what(), HasSubstr("got llama-2B (config.json: field "
                                        "'backbone_flavor')"));
  }
}

TEST(ModelConfig, WrittenSizesAndScaling_PrevailOverFlavors) {
  const ModelConfig c = parse_in(weights::Layout::kOriginal, R"({
    "backbone_flavor": "no flavour", "hidden_size": 64,
    "num_attention_heads": 4, "num_key_value_heads": 2, "num_hidden_layers": 2,
    "rope_scaling": null, "depth_decoder_config": {"hidden_size": 32,
      "num_attention_heads": 2, "backbone_hidden_size": 64,
      "rope_parameters": {"rope_type": "default", "rope_theta": 1000}}})");
  EXPECT_EQ(c.backbone.width, 64);
  EXPECT_FALSE(c.backbone.rope.llama3);
  EXPECT_EQ(c.depth.width, 32);
  EXPECT_FALSE(c.depth.rope.llama3);
  EXPECT_EQ(c.depth.rope.theta, 1000);
}

TEST(ModelConfig, NullKeyValueHeads_AreAllHeads) {
  EXPECT_EQ(parse(R"({"num_key_value_heads": null})").backbone.n_kv_heads, 4);
}

struct BadConfig {
  const char* patch;
  const char* field;  // must be in the message
  ErrorCode code = ErrorCode::kCorrupt;
};

class BadModelConfig : public testing::TestWithParam<BadConfig> {};

TEST_P(BadModelConfig, OneLineNamesTheField) {
  try {
    static_cast<void>(parse(GetParam().patch));
    FAIL() << "accepted " << GetParam().patch;
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), GetParam().code) << error.what();
    const std::string message = error.what();
    EXPECT_THAT(message, HasSubstr(GetParam().field));
    EXPECT_THAT(message, HasSubstr("config.json"));
    EXPECT_EQ(message.find('\n'), std::string::npos);
  }
}

constexpr auto kUnsupported = ErrorCode::kUnsupported;

INSTANTIATE_TEST_SUITE_P(
    Fields, BadModelConfig,
    testing::Values(
        BadConfig{R"({"~model_type": 0})", "model_type", kUnsupported},
        BadConfig{R"({"model_type": "llama"})", "model_type", kUnsupported},
        BadConfig{R"({"model_type": 3})", "model_type"},
        BadConfig{R"({"hidden_size": 0})", "hidden_size"},
        BadConfig{R"({"hidden_size": -64})", "hidden_size"},
        BadConfig{R"({"hidden_size": 64.5})", "hidden_size"},
        BadConfig{R"({"hidden_size": "64"})", "hidden_size"},
        BadConfig{R"({"hidden_size": 1e300})", "hidden_size"},
        BadConfig{R"({"hidden_size": 18446744073709551615})", "hidden_size"},
        BadConfig{R"({"hidden_size": 4294967360})", "hidden_size"},
        BadConfig{R"({"intermediate_size": 999999999})", "intermediate_size"},
        BadConfig{R"({"num_hidden_layers": 100000})", "num_hidden_layers"},
        BadConfig{R"({"num_attention_heads": 5})", "num_attention_heads"},
        BadConfig{R"({"num_key_value_heads": 3})", "num_key_value_heads"},
        BadConfig{R"({"num_key_value_heads": 0})", "num_key_value_heads"},
        BadConfig{R"({"head_dim": 7})", "head_dim"},
        BadConfig{R"({"head_dim": 1000000})", "head_dim"},
        BadConfig{R"({"num_attention_heads": 64, "hidden_size": 64})",
                  "head_dim"},
        BadConfig{R"({"rms_norm_eps": 0})", "rms_norm_eps"},
        BadConfig{R"({"rms_norm_eps": -1e-5})", "rms_norm_eps"},
        BadConfig{R"({"max_position_embeddings": 0})",
                  "max_position_embeddings"},
        BadConfig{R"({"max_position_embeddings": 1099511627776})",
                  "max_position_embeddings"},
        BadConfig{R"({"num_codebooks": 1})", "num_codebooks"},
        BadConfig{R"({"num_codebooks": 100000})", "num_codebooks"},
        BadConfig{R"({"vocab_size": 1})", "vocab_size"},
        BadConfig{R"({"vocab_size": 2147483648})", "vocab_size"},
        BadConfig{R"({"text_vocab_size": 0})", "text_vocab_size"},
        BadConfig{R"({"audio_num_codebooks": 8})", "audio_num_codebooks"},
        BadConfig{R"({"audio_vocab_size": 8})", "audio_vocab_size"},
        BadConfig{R"({"codebook_eos_token_id": 19})", "codebook_eos_token_id"},
        BadConfig{R"({"bos_token_id": -1})", "bos_token_id"},
        BadConfig{R"({"hidden_act": "gelu"})", "hidden_act", kUnsupported},
        BadConfig{R"({"attention_bias": true})", "attention_bias",
                  kUnsupported},
        BadConfig{R"({"mlp_bias": true})", "mlp_bias", kUnsupported},
        BadConfig{R"({"tie_word_embeddings": true})", "tie_word_embeddings",
                  kUnsupported},
        BadConfig{R"({"tie_codebooks_embeddings": 1})",
                  "tie_codebooks_embeddings"},
        BadConfig{R"({"rope_scaling": {"rope_type": "yarn"}})", "rope_type",
                  kUnsupported}));

INSTANTIATE_TEST_SUITE_P(
    Depth, BadModelConfig,
    testing::Values(
        BadConfig{R"({"depth_decoder_config": 3})", "depth_decoder_config"},
        BadConfig{R"({"depth_decoder_config": {"num_codebooks": 5}})",
                  "num_codebooks"},
        BadConfig{R"({"depth_decoder_config": {"vocab_size": 20}})",
                  "vocab_size"},
        BadConfig{R"({"depth_decoder_config": {"backbone_hidden_size": 65}})",
                  "backbone_hidden_size"},
        BadConfig{R"({"depth_decoder_config": {"max_position_embeddings": 3}})",
                  "max_position_embeddings"},
        BadConfig{R"({"depth_decoder_config": {"hidden_act": "relu"}})",
                  "hidden_act", kUnsupported},
        BadConfig{R"({"depth_decoder_config": {"model_type": "llama"}})",
                  "model_type", kUnsupported},
        BadConfig{R"({"depth_decoder_config": {"num_attention_heads": 5}})",
                  "num_attention_heads"}));

TEST(ModelConfig, MissingFile_NotFound) {
  try {
    static_cast<void>(ModelConfig::load(tiny("no_such_model")));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kNotFound);
    EXPECT_THAT(error.what(), HasSubstr("no_such_model"));
  }
}

}  // namespace
}  // namespace csm::model
