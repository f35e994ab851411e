#include "csm/weights/weight_store.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <cstring>
#include <functional>
#include <limits>
#include <ostream>
#include <span>
#include <string>
#include <vector>

#include "csm/base/sha256.h"
#include "csm/weights/convert.h"
#include "csm/weights/weights_testing.h"

namespace csm::weights {
namespace {

using testing_support::bytes_of;
using testing_support::expect_error;
using testing_support::named;
using testing_support::read_file;
using testing_support::safetensors_bytes;
using testing_support::ScratchFolder;
using testing_support::smallest_model;
using testing_support::TestTensor;
using testing_support::write_file;

const std::filesystem::path kData =
    std::filesystem::path(CSM_SOURCE_DIR) / "tests/data";

constexpr const char* kFrameName =
    "backbone_model.embed_tokens.embed_audio_tokens.weight";
constexpr const char* kDepthName = "depth_decoder.model.embed_tokens.weight";

// The smallest model, with values in its first tensor.
std::vector<TestTensor> small_model() {
  std::vector<TestTensor> out = smallest_model();
  out[0].data = bytes_of<float>({1.0F, -0.1F});
  return out;
}

WeightStore store_of(const ScratchFolder& folder,
                     const std::vector<TestTensor>& tensors) {
  write_file(folder / "model.safetensors", safetensors_bytes(tensors));
  return WeightStore::open({.model = folder.path()});
}

std::string values_of(const mx::array& array) {
  return {array.data<char>(), array.nbytes()};
}

// What convert() makes of a tensor that no model takes.
std::string converted(const TensorView& view, mx::Dtype dtype) {
  const bool is_f32 = dtype == mx::float32;
  std::string out(view.bytes.size() / size_of(view.dtype) * mx::size_of(dtype),
                  '\0');
  EXPECT_EQ(
      convert(view.dtype, view.bytes, is_f32 ? Target::kF32 : Target::kBf16,
              reinterpret_cast<std::byte*>(out.data())),
      std::nullopt);
  return out;
}

std::vector<int> int_shape(const std::vector<std::int64_t>& shape) {
  return {shape.begin(), shape.end()};
}

// Every tensor of transformers' own files, in both types, against torch.
TEST(WeightStore, ValuesOfWholeModelsAreTorchs) {
  const Json golden =
      Json::parse(read_file(kData / "weights/goldens.json"))["models"];
  ASSERT_GE(golden.size(), 3U);
  for (const auto& [model, expected] : golden.items()) {
    const auto path = kData / "tiny" / model;
    const Checkpoint checkpoint = Checkpoint::open(path);
    EXPECT_EQ(checkpoint.tensors().size(), expected["tensors"]);
    for (const char* type : {"f32", "bf16"}) {
      const mx::Dtype dtype =
          std::string(type) == "f32" ? mx::float32 : mx::bfloat16;
      WeightStore store = WeightStore::open({.model = path});
      std::string all;
      for (const auto& [name, tensor] : checkpoint.tensors()) {
        const auto canonical = *canonical_name(Layout::kHuggingFace, name);
        if (is_ignorable(canonical)) {
          all += converted(tensor.view, dtype);
          continue;
        }
        const auto array =
            store.take(canonical, int_shape(tensor.view.shape), dtype);
        EXPECT_EQ(array.dtype(), dtype);
        all += values_of(array);
      }
      EXPECT_NO_THROW(store.check_all_used());
      EXPECT_EQ(sha256_hex(std::as_bytes(std::span(all))),
                expected[type].get<std::string>())
          << model << " " << type
          << "; if tests/data/tiny changed run tools/oracle/weights_goldens.py";
    }
  }
}

TEST(WeightStore, ArraysAreAlignedAndOutliveTheStore) {
  const ScratchFolder folder;
  std::vector<mx::array> arrays;
  {
    WeightStore store = store_of(folder, small_model());
    arrays.push_back(store.take("text_emb", {2}, mx::float32));
    arrays.push_back(store.take("bb.0.q", {1, 2}, mx::float32));
    arrays.push_back(store.take("bb.0.k", {1, 2}, mx::bfloat16));
  }
  for (const mx::array& array : arrays) {
    EXPECT_EQ(
        reinterpret_cast<std::uintptr_t>(array.data<char>()) % kArrayAlignment,
        0U);
    EXPECT_EQ(array.buffer_size(), array.nbytes());
    EXPECT_TRUE(array.flags().row_contiguous);
  }
  EXPECT_EQ(arrays[0].data<float>()[1], -0.1F);
}

TEST(WeightStore, ShapesAndPresence) {
  const ScratchFolder folder;
  const WeightStore store = store_of(folder, small_model());
  EXPECT_TRUE(store.has("bb.0.q"));
  EXPECT_FALSE(store.has("bb.1.q"));
  EXPECT_FALSE(store.has("codec.upsample.conv.weight"));
  EXPECT_EQ(store.shape("bb.0.q"), (std::vector<std::int64_t>{1, 2}));
  expect_error(ErrorCode::kNotFound,
               {"backbone_model.layers.1.self_attn.q_proj.weight"},
               [&] { (void)store.shape("bb.1.q"); });
}

TEST(WeightStore, OneAudioTableServesBothNames) {
  for (const char* name : {kFrameName, kDepthName}) {
    const ScratchFolder folder;
    auto tensors = small_model();
    named(tensors, kDepthName).name = name;
    WeightStore store = store_of(folder, tensors);
    EXPECT_TRUE(store.audio_tables_tied());
    EXPECT_TRUE(store.has("audio_emb"));
    EXPECT_TRUE(store.has("dd.audio_emb"));
    const auto frames = store.take("audio_emb", {2}, mx::float32);
    const auto depth = store.take("dd.audio_emb", {2}, mx::float32);
    EXPECT_EQ(frames.data<float>(), depth.data<float>());  // one copy
    EXPECT_THROW((void)store.take("audio_emb", {2}, mx::float32), Error);
  }
}

TEST(WeightStore, EqualTablesShareOneCopyOthersStayApart) {
  for (const bool equal : {true, false}) {
    const ScratchFolder folder;
    auto tensors = small_model();
    const auto data = bytes_of<float>({1.0F, 2.0F});
    named(tensors, kDepthName).data = data;
    tensors.push_back({kFrameName, "F32", {2}, data});
    if (!equal) tensors.back().data = bytes_of<float>({1.0F, 2.5F});
    WeightStore store = store_of(folder, tensors);
    EXPECT_EQ(store.audio_tables_tied(), equal);
    const auto frames = store.take("audio_emb", {2}, mx::float32);
    const auto depth = store.take("dd.audio_emb", {2}, mx::float32);
    EXPECT_EQ(frames.data<float>()[1], equal ? 2.0F : 2.5F);
    EXPECT_EQ(depth.data<float>()[1], 2.0F);
    store.skip("");
    EXPECT_NO_THROW(store.check_all_used());
  }
}

TEST(WeightStore, TiedTableInTwoTypes) {
  const ScratchFolder folder;
  auto tensors = small_model();
  named(tensors, kDepthName).data = bytes_of<float>({1.0F, 2.0F});
  WeightStore store = store_of(folder, tensors);
  EXPECT_EQ(store.take("audio_emb", {2}, mx::bfloat16).dtype(), mx::bfloat16);
  EXPECT_EQ(store.take("dd.audio_emb", {2}, mx::float32).data<float>()[1],
            2.0F);
}

TEST(WeightStore, LeftoversAreNamedAndCapped) {
  const ScratchFolder folder;
  WeightStore store = store_of(folder, small_model());
  expect_error(ErrorCode::kCorrupt,
               {"depth_decoder.codebooks_head.weight, ", "and 15 more",
                "model.safetensors"},
               [&] { store.check_all_used(); });
  store.skip("bb.");
  store.skip("dd.");
  for (const char* name : {"text_emb", "proj", "c0_head"}) {
    (void)store.take(name, {2}, mx::float32);
  }
  expect_error(ErrorCode::kCorrupt, {"got depth_decoder.codebooks_head.weight"},
               [&] { store.check_all_used(); });
  (void)store.take("audio_head", {2}, mx::float32);
  EXPECT_NO_THROW(store.check_all_used());
}

TEST(WeightStore, TakingTwiceOrAnotherTypeIsOurBug) {
  const ScratchFolder folder;
  WeightStore store = store_of(folder, small_model());
  (void)store.take("proj", {2}, mx::float32);
  expect_error(ErrorCode::kInternal, {"proj was taken twice"},
               [&] { (void)store.take("proj", {2}, mx::float32); });
  expect_error(ErrorCode::kInternal, {"float32 or bfloat16"},
               [&] { (void)store.take("c0_head", {2}, mx::int32); });
}

// A change to small_model, and what opening it or taking text_emb leads to.
struct BadModel {
  std::string name;
  ErrorCode code;
  std::vector<std::string> parts;
  std::function<void(std::vector<TestTensor>&)> change;
};

void PrintTo(const BadModel& bad, std::ostream* out) { *out << bad.name; }

using Tensors = std::vector<TestTensor>;
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr const char* kText = "embed_text_tokens.weight";

void set_text(Tensors& tensors, const std::vector<float>& values) {
  named(tensors, kText).data = bytes_of(values);
}

std::vector<BadModel> bad_models() {
  return {
      {"original_layout",
       ErrorCode::kNotFound,
       {"audio_embeddings.weight, decoder.norm.scale"},
       [](Tensors& t) {
         t = {{"text_embeddings.weight", "F32", {2}, {}},
              {"backbone.norm.scale", "F32", {2}, {}}};
       }},
      {"no_layout",
       ErrorCode::kUnsupported,
       {"got unknown layout"},
       [](Tensors& t) { t = {{"model.weight", "F32", {2}, {}}}; }},
      {"no_tensor",
       ErrorCode::kUnsupported,
       {"got unknown layout"},
       [](Tensors& t) { t.clear(); }},
      {"unknown",
       ErrorCode::kCorrupt,
       {"got lora.a, x.b (", "model.safetensors"},
       [](Tensors& t) {
         t.push_back({"x.b", "F32", {2}, {}});
         t.push_back({"lora.a", "F32", {2}, {}});
       }},
      {"missing",
       ErrorCode::kNotFound,
       {"lm_head.weight, backbone_model.layers.0.mlp.up_proj.weight ("},
       [](Tensors& t) {
         named(t, "lm_head.weight").name = "backbone_model.layers.1.norm";
         std::erase_if(t, [](const TestTensor& x) {
           return x.name == "backbone_model.layers.1.norm" ||
                  x.name == "backbone_model.layers.0.mlp.up_proj.weight";
         });
       }},
      {"missing_layer",
       ErrorCode::kNotFound,
       {"backbone_model.layers.1.self_attn.q_proj.weight", "and 7 more"},
       [](Tensors& t) {
         t.push_back({"backbone_model.layers.2.input_layernorm.weight",
                      "F32",
                      {2},
                      {}});
       }},
      {"no_audio_table",
       ErrorCode::kNotFound,
       {kFrameName, kDepthName},
       [](Tensors& t) {
         std::erase_if(
             t, [](const TestTensor& x) { return x.name == kDepthName; });
       }},
      {"shape",
       ErrorCode::kCorrupt,
       {"expected shape [2], got [2, 1]", kText, "model.safetensors"},
       [](Tensors& t) { named(t, kText).shape = {2, 1}; }},
      {"dtype",
       ErrorCode::kUnsupported,
       {"got I32", kText},
       [](Tensors& t) { named(t, kText).dtype = "I32"; }},
      {"nan",
       ErrorCode::kCorrupt,
       {"element 1", kText, "model.safetensors"},
       [](Tensors& t) { set_text(t, {1.0F, kNan}); }},
      {"inf",
       ErrorCode::kCorrupt,
       {"element 0", kText},
       [](Tensors& t) { set_text(t, {-kInf, kNan}); }},
  };
}

class BadWeights : public testing::TestWithParam<BadModel> {};

TEST_P(BadWeights, GiveAOneLineErrorThatNamesTheTensor) {
  const ScratchFolder folder;
  auto tensors = small_model();
  GetParam().change(tensors);
  expect_error(GetParam().code, GetParam().parts, [&] {
    WeightStore store = store_of(folder, tensors);
    (void)store.take("text_emb", {2}, mx::float32);
  });
}

INSTANTIATE_TEST_SUITE_P(All, BadWeights, testing::ValuesIn(bad_models()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace csm::weights
