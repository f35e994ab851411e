#include "csm/engine/model_cost.h"

#include <gtest/gtest.h>

#include "csm/codec/mimi_config.h"
#include "csm/engine/engine.h"
#include "csm/engine/random_model.h"
#include "csm/model/model_config.h"

namespace csm::engine {
namespace {

struct Shape {
  model::ModelConfig config;
  codec::MimiConfig codec;
};

Shape csm_1b() {
  const Json json = random_model_config("csm-1b");
  const JsonObject object(json, "csm-1b");
  return {model::ModelConfig::parse(object),
          codec::MimiConfig::parse(object.object("codec_config"))};
}

// Parameter counts of sesame/csm-1b, norms taken off.
constexpr std::int64_t kBackbone = 973146112 - 33 * 2048;
constexpr std::int64_t kDepth = 111158272 - 9 * 1024;
constexpr std::int64_t kProjection = 2097152;
constexpr std::int64_t kHead = 4200448;
constexpr std::int64_t kDepthHeads = 65106944;
constexpr std::int64_t kAll = 1552791552;

TEST(ModelCost, OperationsOfCsm1bFollowItsParameters) {
  const Shape shape = csm_1b();
  const auto nothing = weights::WeightStore::random(0, nullptr);
  const ModelCost cost = measure_cost(shape.config, shape.codec, nothing);
  EXPECT_EQ(cost.position_macs, kBackbone);
  EXPECT_EQ(cost.backbone_macs, kBackbone + kHead);
  EXPECT_EQ(cost.depth_macs, 32 * (kDepth + kProjection) + kDepthHeads);
  // One position sees itself: 16 layers of 2048 scores and values.
  EXPECT_EQ(cost.prefill_macs(1), kBackbone + 2 * 16 * 2048);
  EXPECT_EQ(cost.prefill_macs(2), 2 * kBackbone + 3 * 2 * 16 * 2048);
  EXPECT_EQ(cost.weights_bytes, 0);
}

TEST(ModelCost, CodecOperationsOfOneLayerByHand) {
  Shape shape = csm_1b();
  const auto nothing = weights::WeightStore::random(0, nullptr);
  const auto macs = [&] {
    return measure_cost(shape.config, shape.codec, nothing).codec_macs;
  };
  const std::int64_t all = macs();
  --shape.codec.transformer.n_layers;
  // Two steps a frame through four 512 x 512 and two 512 x 2048 matrices.
  EXPECT_EQ(all - macs(), 2 * (4 * 512 * 512 + 2 * 512 * 2048));
  // The last convolution has 64 channels and 3 taps at 1920 samples.
  ++shape.codec.seanet.last_kernel;
  --shape.codec.transformer.n_layers;
  const std::int64_t longer = macs();
  --shape.codec.seanet.last_kernel;
  EXPECT_EQ(longer - macs(), 64 * 1920);
}

// Of Mimi's 96 million values 17 are codebooks and a half of the rest is the
// encoder's.
TEST(ModelCost, EncoderMemoryIsHalfOfTheCodecs) {
  EXPECT_GT(encoder_memory(csm_1b().codec), 4 * 38000000);
  EXPECT_LT(encoder_memory(csm_1b().codec), 4 * 43000000);
}

TEST(ModelCost, ExpectedMemoryIsThatOfTheWeights) {
  const Shape shape = csm_1b();
  const auto memory = [&](WeightType type) {
    return static_cast<double>(
        expected_memory(shape.config, shape.codec, type));
  };
  // The codec and what loading needs for a while come on top.
  EXPECT_GT(memory(WeightType::kBf16), 2.0 * kAll);
  EXPECT_LT(memory(WeightType::kBf16), 2.0 * kAll * 1.2);
  EXPECT_GT(memory(WeightType::kF32), 4.0 * kAll);
  EXPECT_LT(memory(WeightType::kF32), 4.0 * kAll * 1.15);
  // Tables, a quarter of the values, stay bfloat16.
  EXPECT_GT(memory(WeightType::kInt4), 0.9 * kAll);
  EXPECT_LT(memory(WeightType::kInt4), 1.4 * kAll);
  EXPECT_GT(memory(WeightType::kInt8), 1.0625 * kAll);
}

// What bench has measured of csm-1b (docs/performance.md): 9.11, 4.84 and
// 2.75 GB a frame.
TEST(ModelCost, ExpectedCostOfCsm1b) {
  const Shape shape = csm_1b();
  const auto gigabytes = [&](WeightType type) {
    constexpr double kGiga = 1e9;
    const auto cost = expected_cost(shape.config, shape.codec, type);
    return static_cast<double>(cost.step_bytes(1)) / kGiga;
  };
  EXPECT_NEAR(gigabytes(WeightType::kF32), 18.22, 0.05);
  EXPECT_NEAR(gigabytes(WeightType::kBf16), 9.11, 0.02);
  EXPECT_NEAR(gigabytes(WeightType::kInt8), 4.84, 0.02);
  EXPECT_NEAR(gigabytes(WeightType::kInt4), 2.75, 0.03);
}

// What a loaded model says.
TEST(ModelCost, ExpectedCostIsTheMeasuredOne) {
  const Json json = random_model_config("demo");
  const JsonObject object(json, "demo");
  const auto config = model::ModelConfig::parse(object);
  const auto codec = codec::MimiConfig::parse(object.object("codec_config"));
  for (const WeightType type : {WeightType::kF32, WeightType::kBf16,
                                WeightType::kInt8, WeightType::kInt4}) {
    const Engine engine({.model_dir = {},
                         .random_weights = "demo",
                         .weight_type = type,
                         .threads = 1});
    const ModelCost& measured = engine.cost();
    const ModelCost expected = expected_cost(config, codec, type);
    const auto is_near = [&](std::int64_t a, std::int64_t b) {
      EXPECT_NEAR(static_cast<double>(a), static_cast<double>(b),
                  0.03 * static_cast<double>(b))
          << to_string(type);
    };
    is_near(expected.backbone_bytes, measured.backbone_bytes);
    is_near(expected.depth_bytes, measured.depth_bytes);
    EXPECT_EQ(expected.depth_macs, measured.depth_macs);
    EXPECT_LE(measured.codec_bytes,
              1.1 * static_cast<double>(expected.codec_bytes));
  }
}

}  // namespace
}  // namespace csm::engine
