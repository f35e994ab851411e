// Checkpoints that do not fit their configuration.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <functional>
#include <string>

#include "csm/base/error.h"
#include "csm/codec/mimi_decoder.h"
#include "csm/model/csm_model.h"
#include "csm/weights/weight_store.h"

namespace csm::parity {
namespace {

using testing::HasSubstr;

struct Configs {
  model::ModelConfig csm;
  codec::MimiConfig mimi;
};

/// Loads everything of the case "explicit_heads" (two audio tables, shards)
/// after a change of its configuration; the error's message or "".
std::string load_with(const std::function<void(Configs&)>& change) {
  const std::filesystem::path dir =
      std::filesystem::path(CSM_SOURCE_DIR) / "tests/data/tiny/explicit_heads";
  Configs configs{.csm = model::ModelConfig::load(dir),
                  .mimi = codec::MimiConfig::load(dir)};
  change(configs);
  auto store = weights::WeightStore::open({.model = dir});
  try {
    static_cast<void>(model::CsmModel::load(
        configs.csm, store,
        model::WeightPolicy::of(kernels::WeightType::kFloat32)));
    static_cast<void>(codec::MimiDecoder::load(configs.mimi, store));
    store.check_all_used();
  } catch (const Error& error) {
    EXPECT_TRUE(error.code() == ErrorCode::kCorrupt ||
                error.code() == ErrorCode::kNotFound)
        << error.what();
    return error.what();
  }
  return "";
}

TEST(Load, EveryTensor_IsUsedExactlyOnce) {
  EXPECT_EQ(load_with([](Configs&) {}), "");
}

TEST(Load, MoreLayersThanTheFile_NamesTheTensor) {
  EXPECT_THAT(load_with([](Configs& c) { ++c.csm.backbone.n_layers; }),
              HasSubstr("backbone_model.layers.2."));
  EXPECT_THAT(load_with([](Configs& c) { ++c.csm.depth.n_layers; }),
              HasSubstr("depth_decoder.model.layers.3."));
  EXPECT_THAT(load_with([](Configs& c) { ++c.mimi.transformer.n_layers; }),
              HasSubstr("decoder_transformer.layers.1."));
  EXPECT_THAT(load_with([](Configs& c) { ++c.mimi.n_codebooks; }),
              HasSubstr("acoustic_residual_vector_quantizer.layers.4."));
  EXPECT_THAT(load_with([](Configs& c) { ++c.mimi.seanet.n_residual_layers; }),
              HasSubstr("codec_model.decoder.layers.4."));
}

TEST(Load, FewerLayersThanTheFile_NamesWhatIsLeft) {
  EXPECT_THAT(load_with([](Configs& c) { --c.csm.backbone.n_layers; }),
              HasSubstr("backbone_model.layers.1."));
  EXPECT_THAT(load_with([](Configs& c) { --c.csm.depth.n_layers; }),
              HasSubstr("depth_decoder.model.layers.2."));
  EXPECT_THAT(load_with([](Configs& c) { --c.mimi.n_codebooks; }),
              HasSubstr("acoustic_residual_vector_quantizer.layers.3."));
}

TEST(Load, OtherSizesThanTheFile_NamesTensorAndShapes) {
  const auto expect = [](const std::function<void(Configs&)>& change,
                         const char* tensor) {
    const std::string message = load_with(change);
    EXPECT_THAT(message, HasSubstr(tensor));
    EXPECT_THAT(message, HasSubstr("shape"));
    EXPECT_EQ(message.find('\n'), std::string::npos);
  };
  expect([](Configs& c) { c.csm.backbone.head_dim = 8; }, "q_proj");
  expect([](Configs& c) { c.csm.backbone.n_kv_heads = 2; }, "k_proj");
  expect([](Configs& c) { c.csm.backbone.hidden = 76; }, "gate_proj");
  expect([](Configs& c) { c.csm.text_vocab = 42; }, "embed_text_tokens");
  expect([](Configs& c) { c.csm.audio_vocab = 34; }, "embed_audio_tokens");
  expect([](Configs& c) { c.mimi.codebook_size = 16; }, "layers.0.codebook");
  expect([](Configs& c) { c.mimi.upsample_groups = 9; }, "upsample");
  expect([](Configs& c) { c.mimi.seanet.kernel = 5; }, "decoder.layers.0.conv");
  expect([](Configs& c) { c.mimi.seanet.compress = 1; }, "block.1.conv");
  expect([](Configs& c) { c.mimi.transformer.hidden = 32; }, "fc1");
}

}  // namespace
}  // namespace csm::parity
