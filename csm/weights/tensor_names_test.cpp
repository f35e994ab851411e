#include "csm/weights/tensor_names.h"

#include <gtest/gtest.h>

#include <algorithm>
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
        "model.embed_text_tokens.weight",
        "codec.decoder.layers.1.conv.weight"}) {
    EXPECT_EQ(canonical_name(kHf, name), std::nullopt) << name;
  }
  EXPECT_EQ(source_name(kHf, "bb.0.x"), std::nullopt);
}

// What source, canonical name and role are to each other.
struct Named {
  Layout layout;
  std::string source;
  TensorRole role;
};

std::string book(const char* kind, int layer) {
  return "codec.quantizer." + std::string(kind) +
         "_residual_vector_quantizer.layers." + std::to_string(layer) +
         ".codebook.";
}

// spec/weights.md 1, 4a and 5, spec/mimi-codec.md 7.
std::vector<Named> other_layouts() {
  const auto original = Layout::kOriginal;
  const auto mlx = Layout::kMlx;
  const auto tts = Layout::kCsmTts;
  const auto kyutai = Layout::kKyutai;
  return {
      {original, "text_embeddings.weight", {"text_emb"}},
      {original, "audio_embeddings.weight", {"audio_emb"}},
      {original, "backbone.layers.15.attn.q_proj.weight", {"bb.15.q", true}},
      {original, "decoder.layers.3.attn.k_proj.weight", {"dd.3.k", true}},
      {original, "backbone.layers.0.attn.v_proj.weight", {"bb.0.v"}},
      {original, "decoder.layers.0.attn.output_proj.weight", {"dd.0.o"}},
      {original, "backbone.layers.1.mlp.w1.weight", {"bb.1.gate"}},
      {original, "backbone.layers.1.mlp.w2.weight", {"bb.1.down"}},
      {original, "backbone.layers.1.mlp.w3.weight", {"bb.1.up"}},
      {original, "backbone.layers.1.sa_norm.scale", {"bb.1.attn_norm"}},
      {original, "decoder.layers.1.mlp_norm.scale", {"dd.1.ffn_norm"}},
      {original, "decoder.norm.scale", {"dd.norm"}},
      {original, "projection.weight", {"proj"}},
      {original, "codebook0_head.weight", {"c0_head"}},
      {original, "audio_head", {"audio_head"}},
      {mlx, "backbone.layers.2.self_attn.q_proj.weight", {"bb.2.q", true}},
      {mlx, "backbone.layers.2.self_attn.o_proj.weight", {"bb.2.o"}},
      {mlx, "decoder.layers.2.mlp.up_proj.weight", {"dd.2.up"}},
      {mlx, "decoder.layers.2.input_layernorm.weight", {"dd.2.attn_norm"}},
      {mlx, "backbone.norm.weight", {"bb.norm"}},
      {mlx, "text_embeddings.weight", {"text_emb"}},
      {tts, "backbone.audio_embd.weight", {"audio_emb"}},
      {tts, "depth.token_embd.weight", {"dd.audio_emb"}},
      {tts, "backbone.blk.7.attn_q.weight", {"bb.7.q"}},
      {tts, "depth.blk.0.attn_output.weight", {"dd.0.o"}},
      {tts, "depth.blk.0.attn_norm.weight", {"dd.0.attn_norm"}},
      {tts, "backbone.blk.1.ffn_down.weight", {"bb.1.down"}},
      {tts, "depth.codebooks_head.weight", {"audio_head"}},
      {tts, "backbone.output_norm.weight", {"bb.norm"}},
      {tts,
       "mimi.decoder.model.2.conv2.bias",
       {"codec.decoder.layers.2.conv.bias"}},
      {tts,
       "mimi.encoder.model.10.blk3.weight",
       {"codec.encoder.layers.10.block.3.conv.weight"}},
      {tts,
       "mimi.enc_tfm.layers.7.norm2.bias",
       {"codec.encoder_transformer.layers.7.post_attention_layernorm.bias"}},
      {tts,
       "mimi.dec_tfm.layers.0.ls1",
       {"codec.decoder_transformer.layers.0.self_attn_layer_scale.scale"}},
      {tts,
       "mimi.dec_tfm.layers.0.ffn_down_w",
       {"codec.decoder_transformer.layers.0.mlp.fc2.weight"}},
      {tts, "mimi.upsample.conv3.weight", {"codec.upsample.conv.weight"}},
      {tts,
       "mimi.quantizer.rvq_rest.vq.layers.30._codebook.embedding",
       {book("acoustic", 30) + "embed"}},
      {kyutai,
       "decoder.model.2.convtr.convtr.weight",
       {"codec.decoder.layers.2.conv.weight"}},
      {kyutai,
       "decoder.model.14.conv.conv.weight",
       {"codec.decoder.layers.14.conv.weight"}},
      {kyutai,
       "quantizer.rvq_first.vq.layers.0._codebook.embedding_sum",
       {book("semantic", 0) + "embed_sum"}},
      {kyutai,
       "quantizer.rvq_rest.output_proj.weight",
       {"codec.quantizer.acoustic_residual_vector_quantizer.output_proj."
        "weight"}},
      {Layout::kMimi, "upsample.conv.weight", {"codec.upsample.conv.weight"}},
  };
}

TEST(TensorNames, OtherLayouts) {
  for (const Named& named : other_layouts()) {
    EXPECT_EQ(roles_of(named.layout, named.source),
              std::vector<TensorRole>{named.role})
        << named.source;
    EXPECT_EQ(source_name(named.layout, named.role.canonical), named.source);
    EXPECT_TRUE(roles_of(kHf, named.source).empty()) << named.source;
  }
}

TEST(TensorNames, StackedTensorsHaveThreeRoles) {
  const auto parts = [](const std::string& stack, bool interleaved) {
    const std::string layer =
        "codec." + stack + "_transformer.layers.5.self_attn.";
    return std::vector<TensorRole>{{layer + "q_proj.weight", interleaved, 0, 3},
                                   {layer + "k_proj.weight", interleaved, 1, 3},
                                   {layer + "v_proj.weight", false, 2, 3}};
  };
  EXPECT_EQ(roles_of(Layout::kCsmTts, "mimi.dec_tfm.layers.5.attn.qkv_w"),
            parts("decoder", false));
  // Of three generations of moshi.
  for (const char* name :
       {"in_proj_weight", "in_proj.weight", "in_projs.0.weight"}) {
    const std::string source =
        "encoder_transformer.transformer.layers.5.self_attn.";
    EXPECT_EQ(roles_of(Layout::kKyutai, source + name), parts("encoder", true));
    EXPECT_EQ(canonical_name(Layout::kKyutai, source + name), std::nullopt);
  }
}

// The classes of moshi and transformers at full size (tools/oracle/
// mimi_names.py): every name of the one is one or three of the other.
TEST(TensorNames, MimiHasTheSameTensorsInBothLayouts) {
  const Json names = parse_json_file(std::filesystem::path(CSM_SOURCE_DIR) /
                                     "tests/data/weights/mimi_names.json");
  const auto canonical = [&](Layout layout) {
    std::set<std::string> out;
    for (const auto& name : names[to_string(layout)]) {
      const auto roles = roles_of(layout, name.get<std::string>());
      EXPECT_FALSE(roles.empty()) << name;
      for (const TensorRole& role : roles) {
        EXPECT_TRUE(out.insert(role.canonical).second) << name;
      }
    }
    return out;
  };
  const auto kyutai = canonical(Layout::kKyutai);
  EXPECT_EQ(kyutai.size(), 350U);
  EXPECT_EQ(kyutai, canonical(Layout::kMimi));
}

TEST(TensorNames, OtherSpellings) {
  const std::string old = "quantizer.rvq_rest.vq.layers.3._codebook.";
  for (const auto& [source, canonical] :
       {std::pair{old + "embed_avg", book("acoustic", 3) + "embed_sum"},
        std::pair{old + "cluster_size", book("acoustic", 3) + "cluster_usage"},
        std::pair{old + "inited", book("acoustic", 3) + "initialized"}}) {
    EXPECT_EQ(canonical_name(Layout::kKyutai, source), canonical);
  }
  const std::string prefixed = "model.backbone.layers.0.self_attn.v_proj.";
  EXPECT_EQ(canonical_name(Layout::kMlx, prefixed + "weight"), "bb.0.v");
  // mlx-audio reads the original's names too.
  EXPECT_EQ(
      canonical_name(Layout::kMlx, "model.decoder.layers.0.mlp.w1.weight"),
      "dd.0.gate");
  EXPECT_EQ(
      canonical_name(kHf,
                     "depth_decoder.model.embed_tokens.embed_audio_tokens."
                     "weight"),
      "dd.audio_emb");
  const auto codec =
      canonical_name(Layout::kMlx, "model._audio_tokenizer.encoder.x.weight");
  ASSERT_TRUE(codec);
  EXPECT_TRUE(is_ignorable(*codec));
}

TEST(TensorNames, LayoutsGiveThemselvesAway) {
  const auto detect = [](const std::vector<std::string>& names) {
    return detect_layout([&](std::string_view name) {
      return std::find(names.begin(), names.end(), name) != names.end();
    });
  };
  const std::string attention = "backbone.layers.0.self_attn.o_proj.weight";
  EXPECT_EQ(detect({"embed_text_tokens.weight"}), kHf);
  EXPECT_EQ(detect({"text_embeddings.weight"}), Layout::kOriginal);
  EXPECT_EQ(detect({"text_embeddings.weight", attention}), Layout::kMlx);
  EXPECT_EQ(detect({"model.text_embeddings.weight", "model." + attention}),
            Layout::kMlx);
  EXPECT_EQ(detect({"backbone.text_embd.weight"}), Layout::kCsmTts);
  EXPECT_EQ(detect({"quantizer.rvq_first.input_proj.weight"}), Layout::kKyutai);
  EXPECT_EQ(detect({"quantizer.semantic_residual_vector_quantizer.input_proj."
                    "weight"}),
            Layout::kMimi);
  EXPECT_EQ(detect({"audio_head"}), Layout::kUnknown);
}

TEST(TensorNames, LayoutsByName) {
  for (const auto layout :
       {kHf, Layout::kOriginal, Layout::kMlx, Layout::kCsmTts}) {
    EXPECT_EQ(parse_layout(to_string(layout)), layout);
  }
  for (const char* name : {"", "auto", "unknown", "kyutai", "mimi", "MLX"}) {
    EXPECT_EQ(parse_layout(name), std::nullopt) << name;
  }
  EXPECT_EQ(layout_names(), "huggingface, original, mlx, csm-tts");
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
