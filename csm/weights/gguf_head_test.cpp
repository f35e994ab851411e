#include "csm/weights/gguf_head.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "csm/weights/gguf_file.h"
#include "csm/weights/weights_testing.h"

namespace csm::weights {
namespace {

using testing_support::ScratchFolder;

// spec/weights.md 2, as far as a file says it.
Json csm_1b() {
  return {{"num_codebooks", 32},
          {"vocab_size", 2051},
          {"text_vocab_size", 128256},
          {"bos_token_id", 128000},
          {"audio_token_id", 128002},
          {"audio_eos_token_id", 128003},
          {"codebook_eos_token_id", 0},
          {"codebook_pad_token_id", 2050},
          {"num_hidden_layers", 16},
          {"hidden_size", 2048},
          {"num_attention_heads", 32},
          {"num_key_value_heads", 8},
          {"head_dim", 64},
          {"intermediate_size", 8192},
          {"max_position_embeddings", 2048},
          {"rope_theta", 500000.0},
          {"rms_norm_eps", 0.0009765625},
          {"rope_scaling",
           {{"rope_type", "llama3"},
            {"factor", 32.0},
            {"low_freq_factor", 0.125},
            {"high_freq_factor", 0.5},
            {"original_max_position_embeddings", 1024}}},
          {"depth_decoder_config",
           {{"num_hidden_layers", 4},
            {"hidden_size", 1024},
            {"backbone_hidden_size", 2048},
            {"num_attention_heads", 8},
            {"num_key_value_heads", 2},
            {"head_dim", 128},
            {"intermediate_size", 8192},
            {"max_position_embeddings", 33},
            {"rope_theta", 10000.0},
            {"rms_norm_eps", 0.25},
            {"rope_scaling", nullptr}}},
          {"codec_config",
           {{"hidden_size", 512},
            {"num_attention_heads", 8},
            {"num_key_value_heads", 8},
            {"head_dim", 64},
            {"num_hidden_layers", 8},
            {"codebook_dim", 256},
            {"codebook_size", 2048},
            {"num_quantizers", 32},
            {"num_semantic_quantizers", 1},
            {"sampling_rate", 24000},
            {"sliding_window", 250},
            {"frame_rate", 12.5},
            {"upsampling_ratios", {8, 6, 5, 4}}}}};
}

class GgufHead : public testing::Test {
 protected:
  GgufFile written(const Json& config) {
    const auto path = folder_.path() / "a.gguf";
    GgufWriter(path, {}, gguf_pairs(config, "voice", 7)).finish();
    return GgufFile(path);
  }

  ScratchFolder folder_;
};

TEST_F(GgufHead, ReadAgain_TheSameConfiguration) {
  const Json want = csm_1b();
  const Json got = written(want).config().value();
  for (const auto& [field, value] : want.items()) {
    if (!value.is_object() || field == "rope_scaling") {
      EXPECT_EQ(got[field], value) << field;
      continue;
    }
    for (const auto& [inner, number] : value.items()) {
      if (inner == "upsampling_ratios") continue;  // the tensors tell
      EXPECT_EQ(got[field][inner], number) << field << " " << inner;
    }
  }
}

// spec/weights.md 4a: what CrispASR's files have.
TEST_F(GgufHead, KeysOfOthersAreThere) {
  const GgufFile file = written(csm_1b());
  const GgufMetadata& metadata = file.metadata();
  EXPECT_EQ(metadata.string("general.architecture"), "csm-tts");
  EXPECT_EQ(metadata.string("general.name"), "voice");
  EXPECT_EQ(metadata.integer("general.file_type"), 7);
  for (const char* key : {"backbone.n_layers",
                          "backbone.d_model",
                          "backbone.n_heads",
                          "backbone.n_kv_heads",
                          "backbone.head_dim",
                          "backbone.ff_dim",
                          "backbone.max_pos",
                          "depth.n_layers",
                          "depth.d_model",
                          "depth.n_heads",
                          "depth.n_kv_heads",
                          "depth.head_dim",
                          "depth.ff_dim",
                          "depth.backbone_hidden",
                          "text_vocab_size",
                          "audio_vocab_size",
                          "audio_num_codebooks",
                          "audio_eos_token_id",
                          "audio_token_id",
                          "bos_token_id",
                          "codebook_eos_token_id",
                          "codebook_pad_token_id",
                          "mimi.dim",
                          "mimi.n_heads",
                          "mimi.n_layers",
                          "mimi.codebook_dim",
                          "mimi.codebook_size",
                          "mimi.n_quantizers",
                          "mimi.n_semantic",
                          "mimi.sample_rate"}) {
    EXPECT_TRUE(metadata.integer(std::string("csm.") + key)) << key;
  }
  for (const char* key : {"csm.backbone.rope_theta",
                          "csm.backbone.rms_norm_eps", "csm.mimi.frame_rate"}) {
    EXPECT_TRUE(metadata.number(key)) << key;
  }
}

}  // namespace
}  // namespace csm::weights
