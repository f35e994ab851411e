#include "csm/weights/gguf_config.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "csm/weights/gguf_testing.h"

namespace csm::weights {
namespace {

using testing_support::expect_error;
using testing_support::gguf_f32;
using testing_support::gguf_string;
using testing_support::gguf_u32;
using testing_support::GgufTensor;
using testing_support::ScratchFolder;
using testing_support::TestGguf;
using testing_support::write_file;

class GgufConfig : public testing::Test {
 protected:
  Json config(const std::string& architecture,
              const std::vector<std::string>& pairs,
              const std::vector<GgufTensor>& tensors = {}) {
    TestGguf file = {.pairs = pairs, .tensors = tensors};
    file.pairs.push_back(gguf_string("general.architecture", architecture));
    write_file(folder_.path() / "a.gguf", file.bytes());
    return GgufFile(folder_.path() / "a.gguf").config().value();
  }

  ScratchFolder folder_;
};

// The keys of csm-1b in CrispASR's files, by spec/weights.md 4a.
std::vector<std::string> crisp_keys() {
  std::vector<std::string> pairs;
  const auto add = [&](const std::string& prefix,
                       const std::vector<std::pair<const char*, int>>& rows) {
    for (const auto& [key, value] : rows) {
      pairs.push_back(gguf_u32(prefix + key, static_cast<unsigned>(value)));
    }
  };
  add("csm.backbone.", {{"n_layers", 16},
                        {"d_model", 2048},
                        {"n_heads", 32},
                        {"n_kv_heads", 8},
                        {"head_dim", 64},
                        {"ff_dim", 8192},
                        {"max_pos", 2048}});
  add("csm.depth.", {{"n_layers", 4},
                     {"d_model", 1024},
                     {"n_heads", 8},
                     {"n_kv_heads", 2},
                     {"head_dim", 128},
                     {"ff_dim", 8192},
                     {"backbone_hidden", 2048}});
  add("csm.", {{"text_vocab_size", 128256},
               {"audio_vocab_size", 2051},
               {"audio_num_codebooks", 32},
               {"audio_eos_token_id", 128003},
               {"audio_token_id", 128002},
               {"bos_token_id", 128000},
               {"codebook_eos_token_id", 0},
               {"codebook_pad_token_id", 2050}});
  add("csm.mimi.", {{"dim", 512},
                    {"n_heads", 8},
                    {"n_layers", 8},
                    {"codebook_dim", 256},
                    {"codebook_size", 2048},
                    {"n_quantizers", 32},
                    {"n_semantic", 1},
                    {"sample_rate", 24000}});
  pairs.push_back(gguf_f32("csm.backbone.rope_theta", 500000));
  pairs.push_back(gguf_f32("csm.backbone.rms_norm_eps", 1e-5F));
  pairs.push_back(gguf_f32("csm.mimi.frame_rate", 12.5));
  return pairs;
}

// spec/weights.md 2.
void expect_csm_1b(const Json& c) {
  EXPECT_EQ(c["model_type"], "csm");
  EXPECT_EQ(c["num_hidden_layers"], 16);
  EXPECT_EQ(c["hidden_size"], 2048);
  EXPECT_EQ(c["num_attention_heads"], 32);
  EXPECT_EQ(c["num_key_value_heads"], 8);
  EXPECT_EQ(c["head_dim"], 64);
  EXPECT_EQ(c["intermediate_size"], 8192);
  EXPECT_EQ(c["vocab_size"], 2051);
  EXPECT_EQ(c["num_codebooks"], 32);
  EXPECT_EQ(c["text_vocab_size"], 128256);
  EXPECT_EQ(c["rope_scaling"],
            Json({{"rope_type", "llama3"},
                  {"factor", 32.0},
                  {"low_freq_factor", 0.125},
                  {"high_freq_factor", 0.5},
                  {"original_max_position_embeddings", 1024}}));
  const Json& d = c["depth_decoder_config"];
  EXPECT_EQ(d["model_type"], "csm_depth_decoder_model");
  EXPECT_EQ(d["backbone_hidden_size"], 2048);
  EXPECT_EQ(d["hidden_size"], 1024);
  EXPECT_EQ(d["intermediate_size"], 8192);
  EXPECT_EQ(d["num_hidden_layers"], 4);
  EXPECT_EQ(d["num_attention_heads"], 8);
  EXPECT_EQ(d["num_key_value_heads"], 2);
  EXPECT_EQ(d["head_dim"], 128);
  EXPECT_EQ(d["max_position_embeddings"], 33);
  EXPECT_EQ(d["num_codebooks"], 32);
  EXPECT_EQ(d["vocab_size"], 2051);
  EXPECT_EQ(d["rope_scaling"],
            Json({{"rope_type", "llama3"},
                  {"factor", 32.0},
                  {"low_freq_factor", 0.001953125},
                  {"high_freq_factor", 0.0078125},
                  {"original_max_position_embeddings", 16}}));
}

TEST_F(GgufConfig, KeysOfCrispAsr) {
  const Json c = config("csm-tts", crisp_keys());
  expect_csm_1b(c);
  EXPECT_EQ(c["max_position_embeddings"], 2048);
  EXPECT_EQ(c["bos_token_id"], 128000);
  EXPECT_EQ(c["audio_token_id"], 128002);
  EXPECT_EQ(c["audio_eos_token_id"], 128003);
  EXPECT_EQ(c["codebook_eos_token_id"], 0);
  EXPECT_EQ(c["codebook_pad_token_id"], 2050);
  EXPECT_EQ(c["rope_theta"], 500000.0);
  EXPECT_EQ(static_cast<float>(c["rms_norm_eps"].get<double>()), 1e-5F);
  const Json& d = c["depth_decoder_config"];
  EXPECT_EQ(d["rope_theta"], 500000.0);
  EXPECT_EQ(d["rms_norm_eps"], c["rms_norm_eps"]);
  const Json& m = c["codec_config"];
  EXPECT_EQ(m["model_type"], "mimi");
  EXPECT_EQ(m["hidden_size"], 512);
  EXPECT_EQ(m["num_attention_heads"], 8);
  EXPECT_EQ(m["num_key_value_heads"], 8);
  EXPECT_EQ(m["num_hidden_layers"], 8);
  EXPECT_EQ(m["codebook_dim"], 256);
  EXPECT_EQ(m["vector_quantization_hidden_dimension"], 256);
  EXPECT_EQ(m["codebook_size"], 2048);
  EXPECT_EQ(m["num_quantizers"], 32);
  EXPECT_EQ(m["num_semantic_quantizers"], 1);
  EXPECT_EQ(m["sampling_rate"], 24000);
  EXPECT_EQ(m["frame_rate"], 12.5);
}

TEST_F(GgufConfig, KeysOfOurOwn) {
  std::vector<std::string> pairs = crisp_keys();
  pairs.push_back(gguf_f32("csm.backbone.rope_scaling.factor", 1));
  pairs.push_back(gguf_f32("csm.depth.rope_scaling.factor", 8));
  pairs.push_back(gguf_f32("csm.depth.rope_scaling.low_freq_factor", 0.25F));
  pairs.push_back(gguf_f32("csm.depth.rope_scaling.high_freq_factor", 2));
  pairs.push_back(gguf_u32("csm.depth.rope_scaling.original_max_pos", 4));
  pairs.push_back(gguf_u32("csm.depth.max_pos", 40));
  pairs.push_back(gguf_f32("csm.depth.rope_theta", 1000));
  pairs.push_back(gguf_u32("csm.mimi.head_dim", 32));
  pairs.push_back(gguf_u32("csm.mimi.window", 100));
  const Json c = config("csm-tts", pairs);
  EXPECT_TRUE(c["rope_scaling"].is_null());
  const Json& d = c["depth_decoder_config"];
  EXPECT_EQ(d["rope_scaling"], Json({{"rope_type", "llama3"},
                                     {"factor", 8.0},
                                     {"low_freq_factor", 0.25},
                                     {"high_freq_factor", 2.0},
                                     {"original_max_position_embeddings", 4}}));
  EXPECT_EQ(d["max_position_embeddings"], 40);
  EXPECT_EQ(d["rope_theta"], 1000.0);
  EXPECT_EQ(c["codec_config"]["head_dim"], 32);
  EXPECT_EQ(c["codec_config"]["sliding_window"], 100);
}

// csm.rs has few keys; the names are those of the original.
TEST_F(GgufConfig, ShapesTellWhatCsmRsDoesNotStore) {
  std::vector<std::string> pairs = {gguf_u32("csm.embedding_length", 2048),
                                    gguf_u32("csm.backbone.block_count", 16),
                                    gguf_u32("csm.decoder.block_count", 4),
                                    gguf_u32("csm.audio_num_codebooks", 32),
                                    gguf_u32("csm.audio_vocab_size", 2051),
                                    gguf_u32("csm.text_vocab_size", 128256)};
  // Zero columns: shapes without data. Rows are what is asked for.
  const std::string b = "backbone.layers.0.";
  const std::string d = "decoder.layers.0.";
  const std::vector<GgufTensor> tensors = {
      {.name = "text_embeddings.weight", .shape = {128256, 0}},
      {.name = "backbone.norm.scale", .shape = {2048}},
      {.name = "decoder.norm.scale", .shape = {1024}},
      {.name = b + "attn.q_proj.weight", .shape = {2048, 0}},
      {.name = b + "attn.k_proj.weight", .shape = {512, 0}},
      {.name = b + "mlp.w1.weight", .shape = {8192, 0}},
      {.name = d + "attn.q_proj.weight", .shape = {1024, 0}},
      {.name = d + "attn.k_proj.weight", .shape = {256, 0}},
      {.name = d + "mlp.w1.weight", .shape = {8192, 0}}};
  expect_csm_1b(config("csm", pairs, tensors));
}

TEST_F(GgufConfig, ShapesOfTheCodec) {
  const std::string books = "mimi.quantizer.rvq_";
  const Json m = config(
      "csm-tts", {},
      {{.name = "backbone.text_embd.weight", .shape = {7, 0}},
       {.name = "mimi.encoder.model.0.conv2.weight", .shape = {12, 1, 7}},
       {.name = "mimi.encoder.model.3.conv2.weight", .shape = {1, 1, 6}},
       {.name = "mimi.encoder.model.6.conv2.weight", .shape = {1, 1, 8}},
       {.name = "mimi.encoder.model.8.conv2.weight", .shape = {1, 1, 7}},
       {.name = "mimi.enc_tfm.layers.0.norm1.weight", .shape = {128}},
       {.name = "mimi.enc_tfm.layers.1.norm1.weight", .shape = {128}},
       {.name = "mimi.enc_tfm.layers.0.ffn_up_w", .shape = {192, 128}},
       {.name = "mimi.upsample.conv3.weight", .shape = {128, 2, 4}},
       {.name = books + "first.vq.layers.0._codebook.embedding",
        .shape = {512, 64}},
       {.name = books + "rest.vq.layers.0._codebook.embedding",
        .shape = {512, 64}},
       {.name = books + "rest.vq.layers.1._codebook.embedding",
        .shape = {512, 64}}})["codec_config"];
  EXPECT_EQ(m["num_filters"], 12);
  EXPECT_EQ(m["upsampling_ratios"], Json({4, 3}));
  EXPECT_EQ(m["hidden_size"], 128);
  EXPECT_EQ(m["num_hidden_layers"], 2);
  EXPECT_EQ(m["intermediate_size"], 192);
  EXPECT_EQ(m["upsample_groups"], 64);
  EXPECT_EQ(m["num_semantic_quantizers"], 1);
  EXPECT_EQ(m["num_quantizers"], 3);
  EXPECT_EQ(m["codebook_size"], 512);
  EXPECT_EQ(m["codebook_dim"], 64);
  EXPECT_EQ(m["vector_quantization_hidden_dimension"], 64);
}

TEST_F(GgufConfig, WhatIsNotAConfiguration) {
  expect_error(ErrorCode::kUnsupported,
               {"csm-tts or csm, got llama", "a.gguf", "general.architecture"},
               [&] { (void)config("llama", {}); });
  expect_error(
      ErrorCode::kCorrupt, {"csm.backbone.n_heads", "an integer"}, [&] {
        (void)config("csm-tts", {gguf_string("csm.backbone.n_heads", "8")});
      });
  expect_error(
      ErrorCode::kCorrupt, {"csm.backbone.rope_theta", "a finite"}, [&] {
        (void)config("csm-tts",
                     {gguf_f32("csm.backbone.rope_theta", 1.0F / 0.0F)});
      });
}

// Whatever the numbers are, making the configuration is no harm.
TEST_F(GgufConfig, SizesOfNoModel) {
  const Json c =
      config("csm-tts",
             {gguf_u32("csm.backbone.head_dim", 0),
              gguf_u32("csm.audio_num_codebooks", ~0U)},
             {{.name = "backbone.text_embd.weight", .shape = {0}},
              {.name = "mimi.upsample.conv3.weight", .shape = {3, 0, 4}}});
  EXPECT_EQ(c["head_dim"], 0);
  EXPECT_FALSE(c.contains("num_attention_heads"));
  EXPECT_FALSE(c["codec_config"].contains("upsample_groups"));
}

}  // namespace
}  // namespace csm::weights
