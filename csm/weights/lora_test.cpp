// Adapters that are no use, and the arithmetic of a merge. Those that PEFT
// wrote are compared with PEFT in tests/parity/adapter_test.cpp.

#include "csm/weights/lora.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <string>
#include <utility>
#include <vector>

#include "csm/weights/lora_config.h"
#include "csm/weights/weight_store.h"
#include "csm/weights/weights_testing.h"

namespace csm::weights {
namespace {

using testing_support::bytes_of;
using testing_support::expect_error;
using testing_support::named;
using testing_support::safetensors_bytes;
using testing_support::ScratchFolder;
using testing_support::smallest_model;
using testing_support::TestTensor;
using testing_support::write_file;

using Tensors = std::vector<TestTensor>;

constexpr const char* kPrefix = "base_model.model.";
constexpr const char* kConfig =
    R"({"peft_type": "LORA", "r": 2, "lora_alpha": 4})";

LoraConfig parse(const std::string& text) {
  const Json json = parse_json(text, "adapter_config.json");
  return LoraConfig::parse(JsonObject(json, "adapter_config.json"));
}

// The fields of kConfig and some more, which may overrule them.
std::string config_with(const std::string& fields) {
  Json json = parse_json(kConfig, "test");
  json.update(parse_json("{" + fields + "}", "test"));
  return json.dump();
}

TestTensor floats(const std::string& name, std::vector<std::int64_t> shape,
                  const std::vector<float>& values) {
  return {kPrefix + name, "F32", std::move(shape), bytes_of(values)};
}

// Both matrices of lm_head [2, 3], of rank 2: B A = [[1, 2, 3], [8, 10, 12]].
Tensors head_pair() {
  return {floats("lm_head.lora_A.weight", {2, 3}, {1, 2, 3, 4, 5, 6}),
          floats("lm_head.lora_B.weight", {2, 2}, {1, 0, 0, 2})};
}

void write_adapter(const ScratchFolder& folder, const Tensors& tensors,
                   const std::string& config = kConfig) {
  write_file(folder / "adapter_config.json", config);
  write_file(folder / "adapter_model.safetensors", safetensors_bytes(tensors));
}

// The smallest model with a head [2, 3] of ones.
WeightStore open_model(const ScratchFolder& folder, Tensors tensors = {}) {
  if (tensors.empty()) {
    tensors = smallest_model();
    named(tensors, "lm_head.weight") = {
        "lm_head.weight", "F32", {2, 3}, bytes_of(std::vector<float>(6, 1))};
  }
  write_file(folder / "model.safetensors", safetensors_bytes(tensors));
  return WeightStore::open({.model = folder.path()});
}

std::vector<float> values_of(const mx::array& x) {
  return {x.data<float>(), x.data<float>() + x.size()};
}

// The head with adapters, each of head_pair() and a strength.
mx::array head_with(const std::vector<double>& strengths,
                    mx::Dtype dtype = mx::float32) {
  const ScratchFolder folder;
  const ScratchFolder adapter;
  write_adapter(adapter, head_pair());
  WeightStore store = open_model(folder);
  for (const double strength : strengths) {
    store.add(LoraAdapter::open(adapter.path(), strength));
  }
  return store.take("c0_head", {2, 3}, dtype);
}

TEST(LoraConfig, ScalesAsPeft) {
  const LoraConfig plain = parse(kConfig);
  EXPECT_EQ(plain.rank("a.q_proj"), 2);
  EXPECT_EQ(plain.scale("a.q_proj"), 2);
  EXPECT_EQ(parse(config_with(R"("use_rslora": true, "r": 16)")).scale("q"), 1);
}

TEST(LoraConfig, FirstPatternThatFitsCounts) {
  const LoraConfig config = parse(config_with(R"(
      "rank_pattern": {"q_proj": 8, "layers.0.attn.q_proj": 4, "^head": 6,
                       "k_proj.weight": 5},
      "alpha_pattern": {"q_proj": 16},
      "target_parameters": ["k_proj.weight"])"));
  EXPECT_EQ(config.rank("bb.layers.1.attn.q_proj"), 8);
  EXPECT_EQ(config.rank("bb.layers.0.attn.q_proj"), 4);
  EXPECT_EQ(config.scale("bb.layers.0.attn.q_proj"), 4);
  EXPECT_EQ(config.rank("q_proj"), 8);
  EXPECT_EQ(config.rank("bb.myq_proj"), 2);
  EXPECT_EQ(config.rank("head"), 6);
  EXPECT_EQ(config.rank("a.head"), 2);
  EXPECT_EQ(config.rank("a.k_proj"), 5);  // PEFT's name has the ending
}

TEST(LoraConfig, OtherAdaptersAreNamed) {
  const auto refuse = [](ErrorCode code, const std::string& fields,
                         const std::vector<std::string>& words) {
    expect_error(code, words, [&] { (void)parse(config_with(fields)); });
  };
  const auto foreign = ErrorCode::kUnsupported;
  refuse(foreign, R"("peft_type": "LOHA")", {"peft_type", "LORA", "LOHA"});
  refuse(foreign, R"("use_dora": true)", {"use_dora"});
  refuse(foreign, R"("use_future": {"a": 1})", {"use_future"});
  refuse(foreign, R"("bias": "all")", {"bias", "none", "all"});
  refuse(foreign, R"("lora_bias": true)", {"lora_bias"});
  refuse(foreign, R"("init_lora_weights": "pissa_niter_4")",
         {"init_lora_weights", "pissa"});
  refuse(foreign, R"("trainable_token_indices": [1, 2])",
         {"trainable_token_indices"});
  refuse(foreign, R"("rank_pattern": {".*q_proj": 4})",
         {"regular expression", ".*q_proj"});
  const auto broken = ErrorCode::kCorrupt;
  refuse(broken, R"("r": 0)", {"'r'", "0"});
  refuse(broken, R"("r": "many")", {"'r'"});
  refuse(broken, R"("lora_alpha": -1)", {"lora_alpha"});
  refuse(broken, R"("lora_alpha": null)", {"lora_alpha"});
  refuse(broken, R"("rank_pattern": {"q": 0})", {"'q'"});
  refuse(broken, R"("rank_pattern": {"q": 1.5})", {"'q'"});
  refuse(broken, R"("alpha_pattern": {"q": "x"})", {"'q'"});
  refuse(broken, R"("target_parameters": "all")", {"target_parameters"});
  EXPECT_NO_THROW((void)parse(config_with(
      R"("use_dora": false, "use_qalora": null, "loftq_config": {},
         "init_lora_weights": true, "megatron_core": "megatron.core")")));
}

TEST(LoraAdapter, AddsScaledProductOneAfterTheOther) {
  const auto head = [](const std::vector<double>& strengths) {
    return values_of(head_with(strengths));
  };
  EXPECT_EQ(head({1}), (std::vector<float>{3, 5, 7, 17, 21, 25}));
  EXPECT_EQ(head({0.5}), (std::vector<float>{2, 3, 4, 9, 11, 13}));
  EXPECT_EQ(head({0.5, -0.5}), std::vector<float>(6, 1));
  EXPECT_EQ(head({0}), std::vector<float>(6, 1));
  const mx::array half = head_with({1}, mx::bfloat16);
  EXPECT_EQ(half.data<std::uint16_t>()[5], 0x41C8);  // 25
}

TEST(LoraAdapter, BaseLayerTakesTheModelsPlace) {
  const ScratchFolder folder;
  const ScratchFolder adapter;
  Tensors tensors = head_pair();
  tensors.push_back(
      floats("lm_head.base_layer.weight", {2, 3}, std::vector<float>(6, 5)));
  write_adapter(adapter, tensors);
  WeightStore store = open_model(folder);
  store.add(LoraAdapter::open(adapter.path()));
  EXPECT_EQ(values_of(store.take("c0_head", {2, 3}, mx::float32)),
            (std::vector<float>{7, 9, 11, 21, 25, 29}));
}

// Integers of a stack are [out, in], floats [in, out], as in the adapter.
TEST(LoraAdapter, WholeStackIsTurnedForIntegers) {
  const ScratchFolder folder;
  const ScratchFolder adapter;
  const std::string name = "depth_decoder.codebooks_head";
  Tensors model = smallest_model();
  named(model, name + ".weight") = {
      name + ".weight", "U32", {1, 2, 4}, std::string(32, '\0')};
  for (const char* ending : {".scales", ".biases"}) {
    model.push_back({name + ending, "F32", {1, 2, 1}, std::string(8, '\0')});
  }
  std::vector<float> values;
  for (int i = 0; i < 64; ++i) values.push_back(static_cast<float>(i));
  write_adapter(adapter, {floats(name + ".weight", {1, 32, 2}, values)});
  WeightStore store = open_model(folder, model);
  store.add(LoraAdapter::open(adapter.path()));
  const auto got =
      values_of(store.take_part("audio_head", {1, 2, 32}, 0, mx::float32));
  ASSERT_EQ(got.size(), 64U);
  EXPECT_EQ(got[1], 2);
  EXPECT_EQ(got[32], 1);
  EXPECT_EQ(got[63], 63);
}

TEST(LoraAdapter, BrokenOnesAreNamed) {
  const auto refuse = [](ErrorCode code, const Tensors& tensors,
                         const std::vector<std::string>& words,
                         double strength = 1) {
    const ScratchFolder folder;
    const ScratchFolder adapter;
    write_adapter(adapter, tensors);
    expect_error(code, words, [&] {
      WeightStore store = open_model(folder);
      store.add(LoraAdapter::open(adapter.path(), strength));
      (void)store.take("c0_head", {2, 3}, mx::float32);
    });
  };
  const auto broken = ErrorCode::kCorrupt;
  refuse(broken, {}, {"tensors of an adapter, got none"});
  refuse(broken, {head_pair()[0]}, {"lora_A and lora_B", "lm_head.lora_A"});
  refuse(broken, {floats("lm_head.base_layer.weight", {2, 3}, {})},
         {"lora_A and lora_B", "base_layer"});
  refuse(broken, {floats("lm_head.lora_magnitude_vector", {2}, {1, 1})},
         {"module of CSM", "lora_magnitude_vector"});
  refuse(broken, {{"lm_head.lora_A.weight", "F32", {2, 3}, {}}},
         {"module of CSM", "lm_head.lora_A.weight"});
  Tensors tensors = head_pair();
  tensors.push_back(floats("lm_head.weight", {2, 3}, {}));
  refuse(broken, tensors, {"together and alone", "lm_head"});
  tensors = head_pair();
  tensors[0].shape = {3, 2};
  refuse(broken, tensors, {"expected shape [2, 3], got [3, 2]", "lora_A"});
  tensors = head_pair();
  tensors[1] = floats("lm_head.lora_B.weight", {2, 1}, {1, 1});
  refuse(broken, tensors, {"expected shape [2, 2], got [2, 1]", "lora_B"});
  tensors = head_pair();
  tensors[0].dtype = "I32";
  refuse(ErrorCode::kUnsupported, tensors, {"got I32", "lora_A"});
  tensors = head_pair();
  tensors[1] = floats("lm_head.lora_B.weight", {2, 2}, {1, 0, 0, INFINITY});
  refuse(broken, tensors, {"finite", "element 3", "lora_B"});
  tensors[1] = floats("lm_head.lora_B.weight", {2, 2}, {1, 0, 0, 3e38F});
  refuse(broken, tensors, {"finite weights behind the merge", "lora_B"});
  refuse(broken, {floats("lm_head.weight", {3, 2}, {})},
         {"expected shape [2, 3], got [3, 2]"});
  refuse(ErrorCode::kUnsupported, {floats("lm_head.weight", {2, 3}, {})},
         {"strength 1", "lm_head.weight"}, 0.5);
  refuse(
      broken,
      {floats("backbone_model.layers.7.mlp.up_proj.lora_A.weight", {2, 2}, {}),
       floats("backbone_model.layers.7.mlp.up_proj.lora_B.weight", {2, 2}, {})},
      {"changes of the model's tensors", "layers.7.mlp.up_proj"});
  refuse(ErrorCode::kUnsupported,
         {floats("depth_decoder.model.embed_tokens.weight", {2}, {})},
         {"serves both transformers"});
}

TEST(LoraAdapter, SquareStackIsRefused) {
  const ScratchFolder folder;
  const ScratchFolder adapter;
  const std::string name = "depth_decoder.codebooks_head";
  write_adapter(adapter, {floats(name + ".lora_A.weight", {2, 4}, {}),
                          floats(name + ".lora_B.weight", {4, 2}, {})});
  Tensors model = smallest_model();
  named(model, name + ".weight") = {name + ".weight", "F32", {1, 4, 4}, {}};
  WeightStore store = open_model(folder, model);
  store.add(LoraAdapter::open(adapter.path()));
  expect_error(ErrorCode::kUnsupported, {"not square", "lora_A"}, [&] {
    (void)store.take_part("audio_head", {1, 4, 4}, 0, mx::float32);
  });
}

TEST(LoraAdapter, MissingFilesAreNamed) {
  const ScratchFolder adapter;
  expect_error(ErrorCode::kNotFound, {"adapter_config.json"},
               [&] { (void)LoraAdapter::open(adapter.path()); });
  write_file(adapter / "adapter_config.json", kConfig);
  expect_error(ErrorCode::kNotFound, {"adapter_model.safetensors"},
               [&] { (void)LoraAdapter::open(adapter.path()); });
  write_file(adapter / "adapter_model.safetensors", "no safetensors");
  expect_error(ErrorCode::kCorrupt, {"adapter_model.safetensors"},
               [&] { (void)LoraAdapter::open(adapter.path()); });
}

}  // namespace
}  // namespace csm::weights
