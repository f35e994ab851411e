#include "csm/engine/quantize_model.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <fstream>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/base/json.h"
#include "csm/engine/engine.h"
#include "csm/engine/engine_testing.h"
#include "csm/weights/quantization.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;

using testing_engine::relative_error;
using testing_engine::speak_all;
using testing_engine::Speech;

const fs::path kDemo = fs::path(CSM_SOURCE_DIR) / "models/demo";
constexpr int kAudioMs = 800;

class QuantizeModel : public testing::Test {
 protected:
  void SetUp() override {
    dir_ = fs::path(testing::TempDir()) /
           (std::string("quantize_model_") +
            testing::UnitTest::GetInstance()->current_test_info()->name());
    fs::remove_all(dir_);
    fs::create_directories(dir_);
  }
  void TearDown() override { fs::remove_all(dir_); }

  [[nodiscard]] QuantizeOptions options(WeightType type, int group = 64) const {
    return {.model_dir = kDemo,
            .output = dir_ / "model",
            .weight_type = type,
            .group = group,
            .threads = 2};
  }
  [[nodiscard]] std::vector<std::string> names() const {
    std::vector<std::string> out;
    for (const auto& entry : fs::directory_iterator(dir_)) {
      out.push_back(entry.path().filename().string());
    }
    return out;
  }

  /// The code of the error that `f` throws, and that its message has `word`.
  template <class F>
  static ErrorCode code_of(const std::string& word, F&& f) {
    try {
      f();
    } catch (const Error& error) {
      const std::string message = error.what();
      EXPECT_NE(message.find(word), std::string::npos) << message;
      EXPECT_EQ(message.find('\n'), std::string::npos) << message;
      return error.code();
    }
    ADD_FAILURE() << "no error, expected one with " << word;
    return ErrorCode::kInternal;
  }

  fs::path dir_;
};

EngineOptions engine_options(const fs::path& model, WeightType type,
                             bool composed = false) {
  EngineOptions options;
  options.model_dir = model;
  options.weight_type = type;
  options.threads = 2;
  options.composed = composed;
  return options;
}

Speech speak(Engine& engine) {
  GenerationOptions options;
  options.seed = 5;
  options.max_audio_ms = kAudioMs;
  auto session = engine.start({.speaker = 1, .text = "Good morning."}, options);
  return speak_all(session);
}

std::vector<float> score(Engine& engine,
                         const std::vector<std::int32_t>& codes) {
  return engine.score({.speaker = 1, .text = "Good morning."}, codes);
}

TEST_F(QuantizeModel, QuantisedFolder_SpeaksAsTheOriginalWithThatType) {
  for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
    fs::remove_all(dir_ / "model");
    (void)quantize_model(options(type));
    EXPECT_EQ(stored_weight_type({.model = dir_ / "model"}), type);
    Engine original(engine_options(kDemo, type));
    Engine quantised(engine_options(dir_ / "model", type));
    const Speech want = speak(original);
    const Speech got = speak(quantised);
    ASSERT_FALSE(want.codes.empty());
    EXPECT_EQ(got.codes, want.codes) << to_string(type);
    EXPECT_EQ(got.audio, want.audio) << to_string(type);
    EXPECT_EQ(score(quantised, want.codes), score(original, want.codes));
    EXPECT_EQ(quantised.cost().weights_bytes, original.cost().weights_bytes);
    EXPECT_EQ(quantised.cost().backbone_bytes, original.cost().backbone_bytes);
    EXPECT_EQ(quantised.cost().depth_bytes, original.cost().depth_bytes);
  }
}

TEST_F(QuantizeModel, RowsForComposedOperations_TheSameAsFromFloats) {
  (void)quantize_model(options(WeightType::kInt4));
  Engine original(engine_options(kDemo, WeightType::kInt4, true));
  Engine quantised(engine_options(dir_ / "model", WeightType::kInt4, true));
  std::vector<std::int32_t> codes(
      static_cast<std::size_t>(2 * original.facts().n_codebooks), 3);
  EXPECT_EQ(score(quantised, codes), score(original, codes));
}

TEST_F(QuantizeModel, AsFloats_TheWeightsThatTheIntegersStandFor) {
  (void)quantize_model(options(WeightType::kInt4));
  Engine integers(engine_options(dir_ / "model", WeightType::kInt4, true));
  Engine floats(engine_options(dir_ / "model", WeightType::kF32));
  const std::vector<std::int32_t> codes = speak(floats).codes;
  EXPECT_LT(relative_error(score(integers, codes), score(floats, codes)), 1e-4);
}

TEST_F(QuantizeModel, EveryGroup_Runs) {
  Engine exact(engine_options(kDemo, WeightType::kF32));
  const std::vector<std::int32_t> codes = speak(exact).codes;
  const std::vector<float> want = score(exact, codes);
  for (const int group : {32, 64, 128}) {
    fs::remove_all(dir_ / "model");
    const QuantizeReport report =
        quantize_model(options(WeightType::kInt4, group));
    Engine engine(engine_options(dir_ / "model", WeightType::kInt4));
    EXPECT_LT(relative_error(score(engine, codes), want), 0.25) << group;
    // 448 columns are no whole groups of 128: down stays BF16.
    EXPECT_GT(report.n_int4, 0);
    EXPECT_GT(report.n_int8, 0);
  }
}

TEST_F(QuantizeModel, Folder_HasWhatTheOriginalHas) {
  const QuantizeReport report = quantize_model(options(WeightType::kInt4));
  EXPECT_EQ(names(), (std::vector<std::string>{"model"}));
  for (const char* name : {"config.json", "tokenizer.json",
                           "generation_config.json", "model.safetensors"}) {
    EXPECT_TRUE(fs::exists(dir_ / "model" / name)) << name;
  }
  EXPECT_EQ(fs::file_size(dir_ / "model/model.safetensors"),
            static_cast<std::uintmax_t>(report.bytes));
  EXPECT_LT(report.bytes, report.source_bytes);
  const auto quantization = weights::Quantization::load(dir_ / "model");
  ASSERT_TRUE(quantization);
  EXPECT_EQ(quantization->form, (weights::AffineForm{4, 64}));
  EXPECT_EQ(quantization->of("lm_head"), (weights::AffineForm{8, 64}));
  EXPECT_EQ(quantization->of("backbone_model.layers.0.mlp.gate_proj"),
            (weights::AffineForm{4, 64}));
}

TEST_F(QuantizeModel, AnotherTypeThanTheStored_IsRefused) {
  (void)quantize_model(options(WeightType::kInt4));
  for (const WeightType type : {WeightType::kInt8, WeightType::kBf16}) {
    EXPECT_EQ(
        code_of(
            "expected dtype int4",
            [&] { const Engine engine(engine_options(dir_ / "model", type)); }),
        ErrorCode::kInvalidArgument);
  }
}

TEST_F(QuantizeModel, ConfigWithoutIntegers_IsRefused) {
  fs::copy(kDemo, dir_ / "model");
  Json config = parse_json_file(kDemo / "config.json");
  config["quantization"] = {{"bits", 4}, {"group_size", 64}};
  std::ofstream(dir_ / "model/config.json") << config.dump();
  EXPECT_EQ(code_of("integer weights as config.json says",
                    [&] {
                      const Engine engine(
                          engine_options(dir_ / "model", WeightType::kInt4));
                    }),
            ErrorCode::kCorrupt);
}

TEST_F(QuantizeModel, IntegersWithoutConfig_TellByThemselves) {
  for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
    fs::remove_all(dir_ / "model");
    (void)quantize_model(options(type));
    fs::copy_file(kDemo / "config.json", dir_ / "model/config.json",
                  fs::copy_options::overwrite_existing);
    EXPECT_EQ(stored_weight_type({.model = dir_ / "model"}), type);
    Engine engine(engine_options(dir_ / "model", type));
    EXPECT_FALSE(speak(engine).codes.empty());
  }
}

TEST_F(QuantizeModel, BadInput_IsRefusedAndNothingStays) {
  const QuantizeOptions good = options(WeightType::kInt4);
  const auto refused = [&](const QuantizeOptions& bad,
                           const std::string& word) {
    const auto before = names();
    const ErrorCode code = code_of(word, [&] { (void)quantize_model(bad); });
    EXPECT_EQ(names(), before) << word;
    return code;
  };
  QuantizeOptions bad = good;
  bad.weight_type = WeightType::kBf16;
  EXPECT_EQ(refused(bad, "got bf16"), ErrorCode::kInvalidArgument);
  bad = good;
  bad.group = 48;
  EXPECT_EQ(refused(bad, "got 48"), ErrorCode::kInvalidArgument);
  bad = good;
  bad.model_dir = "/nonexistent";
  EXPECT_EQ(refused(bad, "/nonexistent"), ErrorCode::kNotFound);
  bad = good;
  bad.output = dir_ / "nowhere" / "model";
  EXPECT_EQ(refused(bad, "nowhere"), ErrorCode::kInvalidArgument);
  bad = good;
  bad.output = kDemo;
  bad.replace = true;
  EXPECT_EQ(refused(bad, "another folder"), ErrorCode::kInvalidArgument);
  std::ofstream(dir_ / "file") << "x";
  bad = good;
  bad.output = dir_ / "file";
  EXPECT_EQ(refused(bad, "got a file"), ErrorCode::kInvalidArgument);
  fs::create_directories(dir_ / "other");
  std::ofstream(dir_ / "other" / "precious") << "x";
  bad = good;
  bad.output = dir_ / "other";
  EXPECT_EQ(refused(bad, "does not exist"), ErrorCode::kInvalidArgument);
  bad.replace = true;
  EXPECT_EQ(refused(bad, "other files"), ErrorCode::kInvalidArgument);
  EXPECT_TRUE(fs::exists(dir_ / "other" / "precious"));
  bad = good;
  bad.progress = [](const char* stage, double) {
    if (std::string(stage) == "writing") {
      throw Error(ErrorCode::kInvalidArgument, "stopped");
    }
  };
  EXPECT_EQ(refused(bad, "stopped"), ErrorCode::kInvalidArgument);
}

TEST_F(QuantizeModel, QuantisedAlready_IsRefusedAndForceReplaces) {
  (void)quantize_model(options(WeightType::kInt8));
  QuantizeOptions again = options(WeightType::kInt4);
  again.model_dir = dir_ / "model";
  again.output = dir_ / "again";
  EXPECT_EQ(code_of("got int8 ones", [&] { (void)quantize_model(again); }),
            ErrorCode::kInvalidArgument);
  again = options(WeightType::kInt4);
  EXPECT_EQ(code_of("does not exist", [&] { (void)quantize_model(again); }),
            ErrorCode::kInvalidArgument);
  again.replace = true;
  (void)quantize_model(again);
  EXPECT_EQ(stored_weight_type({.model = dir_ / "model"}), WeightType::kInt4);
  EXPECT_EQ(names(), (std::vector<std::string>{"model"}));
}

}  // namespace
}  // namespace csm::engine
