#include "csm/weights/tensor_names.h"

#include <gtest/gtest.h>

#include <set>
#include <string>
#include <utility>
#include <vector>

#include "csm/weights/checkpoint.h"

namespace csm::weights {
namespace {

constexpr auto kHf = Layout::kHuggingFace;

// spec/weights.md 1.
TEST(TensorNames, HuggingFaceTable) {
  const std::vector<std::pair<std::string, std::string>> rows = {
      {"embed_text_tokens.weight", "text_emb"},
      {"backbone_model.embed_tokens.embed_audio_tokens.weight", "audio_emb"},
      {"depth_decoder.model.embed_tokens.weight", "dd.audio_emb"},
      {"backbone_model.layers.15.self_attn.q_proj.weight", "bb.15.q"},
      {"backbone_model.layers.0.self_attn.k_proj.weight", "bb.0.k"},
      {"backbone_model.layers.10.self_attn.v_proj.weight", "bb.10.v"},
      {"backbone_model.layers.1.self_attn.o_proj.weight", "bb.1.o"},
      {"depth_decoder.model.layers.3.mlp.gate_proj.weight", "dd.3.gate"},
      {"depth_decoder.model.layers.3.mlp.up_proj.weight", "dd.3.up"},
      {"depth_decoder.model.layers.3.mlp.down_proj.weight", "dd.3.down"},
      {"depth_decoder.model.layers.0.input_layernorm.weight", "dd.0.attn_norm"},
      {"backbone_model.layers.2.post_attention_layernorm.weight",
       "bb.2.ffn_norm"},
      {"backbone_model.norm.weight", "bb.norm"},
      {"depth_decoder.model.norm.weight", "dd.norm"},
      {"depth_decoder.model.inputs_embeds_projector.weight", "proj"},
      {"lm_head.weight", "c0_head"},
      {"depth_decoder.codebooks_head.weight", "audio_head"},
      {"codec_model.decoder.layers.12.block.3.conv.bias",
       "codec.decoder.layers.12.block.3.conv.bias"},
      {"codec_model.encoder_transformer.layers.7.self_attn.q_proj.weight",
       "codec.encoder_transformer.layers.7.self_attn.q_proj.weight"},
      {"codec_model.decoder_transformer.layers.0.mlp_layer_scale.scale",
       "codec.decoder_transformer.layers.0.mlp_layer_scale.scale"},
      {"codec_model.upsample.conv.weight", "codec.upsample.conv.weight"},
      {"codec_model.quantizer.acoustic_residual_vector_quantizer.layers.30."
       "codebook.embed_sum",
       "codec.quantizer.acoustic_residual_vector_quantizer.layers.30."
       "codebook.embed_sum"},
  };
  for (const auto& [source, canonical] : rows) {
    EXPECT_EQ(canonical_name(kHf, source), canonical);
    EXPECT_EQ(source_name(kHf, canonical), source);
    EXPECT_EQ(canonical_name(Layout::kOriginal, source), std::nullopt);
  }
}

TEST(TensorNames, OtherNamesAreUnknown) {
  for (const char* name :
       {"", "weight", "text_embeddings.weight", "lm_head.weight.extra",
        "backbone_model.layers..self_attn.q_proj.weight",
        "backbone_model.layers.00.self_attn.q_proj.weight",
        "backbone_model.layers.-1.self_attn.q_proj.weight",
        "backbone_model.layers.1000.self_attn.q_proj.weight",
        "backbone_model.layers.1.self_attn.q_proj.bias",
        "backbone_model.layers.1.self_attn.q_proj.weight ",
        "backbone_model.layers.1.", "codec_model.", "codec_model.norm.weight",
        "codec_model.decoder.layers.1.conv.weights",
        "codec_model.decoder.layers.x.conv.weight",
        "codec.decoder.layers.1.conv.weight"}) {
    EXPECT_EQ(canonical_name(kHf, name), std::nullopt) << name;
  }
  EXPECT_EQ(source_name(kHf, "bb.0.x"), std::nullopt);
}

TEST(TensorNames, LayoutsGiveThemselvesAway) {
  EXPECT_EQ(layout_of("embed_text_tokens.weight"), kHf);
  EXPECT_EQ(layout_of("text_embeddings.weight"), Layout::kOriginal);
  EXPECT_EQ(layout_of("audio_head"), Layout::kUnknown);
}

// Every tensor of transformers' own models has a canonical name of its own,
// and none is missing.
TEST(TensorNames, CoverEveryModelOfTheFixtures) {
  const std::filesystem::path tiny =
      std::filesystem::path(CSM_SOURCE_DIR) / "tests/data/tiny";
  int n_models = 0;
  for (const auto& folder : std::filesystem::directory_iterator(tiny)) {
    const Checkpoint checkpoint = Checkpoint::open(folder.path());
    std::set<std::string> canonical;
    for (const auto& [name, tensor] : checkpoint.tensors()) {
      const auto found = canonical_name(kHf, name);
      ASSERT_TRUE(found.has_value()) << name;
      EXPECT_TRUE(canonical.insert(*found).second) << name;
      EXPECT_EQ(source_name(kHf, *found), name);
    }
    const std::vector<std::string> names(canonical.begin(), canonical.end());
    EXPECT_EQ(missing_names(names), std::vector<std::string>{});
    ++n_models;
  }
  EXPECT_GE(n_models, 3);
}

TEST(TensorNames, MissingOnesAreNamed) {
  using Names = std::vector<std::string>;
  Names names = {"text_emb", "audio_emb", "bb.norm",   "dd.norm",
                 "proj",     "c0_head",   "audio_head"};
  for (const char* layer : {"bb.0.", "bb.1.", "dd.0."}) {
    for (const char* kind :
         {"q", "k", "v", "o", "gate", "up", "down", "attn_norm", "ffn_norm"}) {
      names.push_back(std::string(layer) + kind);
    }
  }
  EXPECT_EQ(missing_names(names), Names{});
  names[1] = "dd.audio_emb";
  EXPECT_EQ(missing_names(names), Names{});
  names.erase(names.begin() + 1);
  EXPECT_EQ(missing_names(names), (Names{"audio_emb", "dd.audio_emb"}));
  std::erase(names, "bb.0.up");
  std::erase(names, "proj");
  EXPECT_EQ(missing_names(names),
            (Names{"audio_emb", "dd.audio_emb", "proj", "bb.0.up"}));
  const std::string book =
      "codec.quantizer.acoustic_residual_vector_quantizer.layers.1.codebook.";
  const auto missing = missing_names(Names{book + "embed_sum"});
  EXPECT_EQ(std::count(missing.begin(), missing.end(), book + "cluster_usage"),
            1);
  EXPECT_EQ(missing.size(), 8U + 18U + 3U);
}

TEST(TensorNames, BuffersAreIgnorable) {
  EXPECT_TRUE(is_ignorable(
      "codec.quantizer.semantic_residual_vector_quantizer.layers.0.codebook."
      "initialized"));
  EXPECT_FALSE(is_ignorable("bb.0.q"));
}

}  // namespace
}  // namespace csm::weights
