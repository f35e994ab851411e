// Stores of every layout: rows in their order, parts of stacked tensors, the
// codec in a file of its own, what MLX and GGUF hold as integers.

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "csm/weights/read_tensor.h"
#include "csm/weights/safetensors.h"
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

constexpr int kHeadDim = 4;
constexpr int kRows = 8;  // two heads
constexpr HeadDims kHeads = {kHeadDim, kHeadDim, kHeadDim};

// The smallest model under the names of a layout.
Tensors model_in(Layout layout) {
  Tensors out;
  for (TestTensor tensor : smallest_model()) {
    std::string canonical =
        canonical_name(Layout::kHuggingFace, tensor.name).value();
    if (canonical == "dd.audio_emb") canonical = "audio_emb";
    tensor.name = source_name(layout, canonical).value();
    out.push_back(tensor);
  }
  return out;
}

// Floats first, first + 1, ...
std::vector<float> counted(int n, float first = 0) {
  std::vector<float> out;
  for (int i = 0; i < n; ++i) out.push_back(first + static_cast<float>(i));
  return out;
}

std::vector<float> floats(const mx::array& x) {
  return {x.data<float>(), x.data<float>() + x.size()};
}

// Rows of two columns: pairs 2j, 2j + 1 of a head become j, j + 2.
std::vector<float> in_halves(const std::vector<float>& rows) {
  std::vector<float> out;
  for (const std::size_t row : {0U, 2U, 1U, 3U, 4U, 6U, 5U, 7U}) {
    out.insert(out.end(), {rows[2 * row], rows[2 * row + 1]});
  }
  return out;
}

WeightStore open_model(const ScratchFolder& folder, const Tensors& tensors) {
  write_file(folder / "model.safetensors", safetensors_bytes(tensors));
  WeightStore store = WeightStore::open({.model = folder.path()});
  store.set_head_dims(kHeads);
  return store;
}

TEST(Layouts, RowsOfQueriesAndKeysAreTurnedWhereTheyAreInterleaved) {
  for (const Layout layout : {Layout::kHuggingFace, Layout::kOriginal,
                              Layout::kMlx, Layout::kCsmTts}) {
    const ScratchFolder folder;
    Tensors tensors = model_in(layout);
    for (const char* canonical : {"bb.0.q", "bb.0.v", "dd.0.k"}) {
      const auto name = source_name(layout, canonical).value();
      named(tensors, name) = {
          name, "F32", {kRows, 2}, bytes_of(counted(2 * kRows))};
    }
    WeightStore store = open_model(folder, tensors);
    EXPECT_EQ(store.checkpoint().layout(), layout);
    const bool turned = layout == Layout::kOriginal || layout == Layout::kMlx;
    for (const char* canonical : {"bb.0.q", "dd.0.k"}) {
      EXPECT_EQ(floats(store.take(canonical, {kRows, 2}, mx::float32)),
                turned ? in_halves(counted(2 * kRows)) : counted(2 * kRows))
          << to_string(layout) << canonical;
    }
    EXPECT_EQ(floats(store.take("bb.0.v", {kRows, 2}, mx::float32)),
              counted(2 * kRows));
    store.skip("");
    EXPECT_NO_THROW(store.check_all_used());
  }
}

TEST(Layouts, GivenLayoutOverrulesTheNames) {
  const ScratchFolder folder;
  Tensors tensors = model_in(Layout::kMlx);
  write_file(folder / "model.safetensors", safetensors_bytes(tensors));
  expect_error(ErrorCode::kCorrupt,
               {"in huggingface layout", "audio_embeddings.weight"}, [&] {
                 (void)WeightStore::open(
                     {.model = folder.path(), .layout = Layout::kHuggingFace});
               });
}

TEST(Layouts, RowsOfIntegersTurnWithTheirScales) {
  const ScratchFolder folder;
  constexpr int kIn = 64;
  constexpr std::size_t kWords = kIn / 8;
  Tensors tensors = model_in(Layout::kMlx);
  const std::string module = "backbone.layers.0.self_attn.q_proj";
  std::vector<std::uint32_t> words;
  for (std::uint32_t row = 0; row < kRows; ++row) {
    words.insert(words.end(), kWords, 0x11111111U * row);
  }
  named(tensors, module + ".weight") = {
      module + ".weight", "U32", {kRows, kWords}, bytes_of(words)};
  tensors.push_back(
      {module + ".scales", "F32", {kRows, 1}, bytes_of(counted(kRows, 1))});
  tensors.push_back(
      {module + ".biases", "F32", {kRows, 1}, bytes_of(counted(kRows, 20))});
  // safetensors_bytes() takes the size of what it does not know from the data.
  WeightStore store = open_model(folder, tensors);
  EXPECT_EQ(store.integer_form("bb.0.q", {kRows, kIn}), (AffineForm{4, 64}));
  const AffineTensor got = store.take_affine("bb.0.q", {kRows, kIn});
  const std::vector<std::uint32_t> order = {0, 2, 1, 3, 4, 6, 5, 7};
  for (std::size_t row = 0; row < kRows; ++row) {
    const std::uint32_t from = order[row];
    EXPECT_EQ(got.words.data<std::uint32_t>()[row * kWords],
              0x11111111U * from);
    EXPECT_EQ(got.scales.data<float>()[row], static_cast<float>(from) + 1);
    EXPECT_EQ(got.biases.data<float>()[row], static_cast<float>(from) + 20);
  }
}

// Of what MLX wrote, in every number of bits (tools/oracle/
// mlx_affine_goldens.py): the integers that kernels take stand for the same
// numbers, bit by bit, and those of groups that kernels lack do as floats.
TEST(Layouts, MlxsIntegersKeepTheirValues) {
  const SafetensorsFile file(std::string(CSM_SOURCE_DIR) +
                             "/tests/data/weights/mlx_affine.safetensors");
  int n_cases = 0;
  for (const TensorView& view : file.tensors()) {
    const auto module = module_of(view.name);
    if (!module) continue;
    const auto source = [&](const char* ending) {
      return SourceTensor{*file.find(*module + ending), "mlx_affine",
                          [](auto) {}};
    };
    const SourceTensor words = source(".weight");
    const SourceTensor scales = source(".scales");
    const SourceTensor biases = source(".biases");
    const AffineSource affine = {&words, &scales, &biases};
    const mx::array want =
        read_values(source(".values"), 0, {3, 256}, mx::float32);
    const AffineForm stored = stored_form(affine, {3, 256}, std::nullopt);
    EXPECT_EQ(stored.bits, module->front() - '0');
    const AffineTensor got = read_affine(affine, {}, {3, 256}, stored);
    EXPECT_TRUE(is_kernel_form(got.form)) << *module;
    EXPECT_EQ(got.form.group, stored.group);
    EXPECT_EQ(floats(dequantize(got, {3, 256}, mx::float32)), floats(want))
        << *module;
    ++n_cases;
  }
  EXPECT_EQ(n_cases, 18);
}

TEST(Layouts, OtherGroupsAreSplitOrBecomeFloats) {
  const std::vector<std::uint32_t> bits(48, 0x76543210U);  // 2 x 192 values
  for (const int group : {96, 16}) {
    const ScratchFolder folder;
    const std::int64_t n = 192 / group;
    Tensors tensors = smallest_model();
    named(tensors, "lm_head.weight") = {
        "lm_head.weight", "U32", {2, 24}, bytes_of(bits)};
    for (const char* ending : {".scales", ".biases"}) {
      tensors.push_back({std::string("lm_head") + ending,
                         "F32",
                         {2, n},
                         bytes_of(counted(static_cast<int>(2 * n), 1))});
    }
    WeightStore store = open_model(folder, tensors);
    const auto form = store.integer_form("c0_head", {2, 192});
    EXPECT_EQ(form.has_value(), group == 96);
    const auto value = [&](std::size_t i) {
      const float scale =
          static_cast<float>(i / static_cast<std::size_t>(group)) + 1;
      return scale * static_cast<float>(i % 8) + scale;
    };
    const mx::array got =
        form ? dequantize(store.take_affine("c0_head", {2, 192}), {2, 192},
                          mx::float32)
             : store.take("c0_head", {2, 192}, mx::float32);
    for (std::size_t i = 0; i < 384; ++i) {
      ASSERT_EQ(got.data<float>()[i], value(i)) << i;
    }
  }
}

TEST(Layouts, MlxsOtherModesAreNamed) {
  const ScratchFolder folder;
  Tensors tensors = smallest_model();
  named(tensors, "lm_head.weight") = {
      "lm_head.weight", "U32", {1, 1}, std::string(4, '\0')};
  tensors.push_back({"lm_head.scales", "U8", {2}, std::string(2, '\0')});
  expect_error(ErrorCode::kUnsupported, {"mxfp4", "lm_head.scales"},
               [&] { (void)open_model(folder, tensors); });
}

constexpr const char* kStacked =
    "decoder_transformer.transformer.layers.0.self_attn.in_proj_weight";
constexpr const char* kAttention =
    "codec.decoder_transformer.layers.0.self_attn.";

// Enough of kyutai's Mimi to be one.
Tensors kyutai_mimi() {
  return {{"quantizer.rvq_first.input_proj.weight", "F32", {1}, {}},
          {"upsample.convtr.convtr.convtr.weight",
           "F32",
           {2, 1},
           bytes_of(counted(2, 5))},
          {kStacked, "F32", {3 * kRows, 2}, bytes_of(counted(3 * 2 * kRows))}};
}

TEST(Layouts, CodecBesideTheModelOrNamed) {
  const ScratchFolder folder;
  const ScratchFolder other;
  write_file(folder / "model.safetensors",
             safetensors_bytes(model_in(Layout::kOriginal)));
  const auto open = [&](const std::filesystem::path& mimi) {
    return WeightStore::open({.model = folder.path(), .mimi = mimi});
  };
  EXPECT_FALSE(open("").has_codec());
  expect_error(ErrorCode::kNotFound, {"got nothing", "absent"},
               [&] { (void)open(folder / "absent"); });
  expect_error(ErrorCode::kNotFound, {"file of Mimi in the folder, got none"},
               [&] { (void)open(other.path()); });
  expect_error(ErrorCode::kUnsupported, {"Mimi", "model.safetensors"},
               [&] { (void)open(folder / "model.safetensors"); });

  const std::string mimi = safetensors_bytes(kyutai_mimi());
  write_file(other / "tokenizer.safetensors", mimi);
  for (const auto& path : {other.path(), other / "tokenizer.safetensors"}) {
    EXPECT_TRUE(open(path).has_codec());
  }
  write_file(folder / "broken.safetensors", "no such file");
  write_file(folder / "tokenizer.safetensors", mimi);
  WeightStore store = open("");
  ASSERT_TRUE(store.codec_checkpoint());
  EXPECT_EQ(store.codec_checkpoint()->layout(), Layout::kKyutai);
  EXPECT_EQ(
      floats(store.take("codec.upsample.conv.weight", {2, 1}, mx::float32)),
      counted(2, 5));
  expect_error(
      ErrorCode::kNotFound,
      {"decoder_transformer.transformer.layers.1.self_attn.out_proj.weight"},
      [&] {
        (void)store.shape(
            "codec.decoder_transformer.layers.1.self_attn.o_proj.weight");
      });
  write_file(folder / "second.safetensors", mimi);
  expect_error(ErrorCode::kInvalidArgument,
               {"second.safetensors and tokenizer.safetensors", "--mimi"},
               [&] { (void)open(""); });
}

TEST(Layouts, StackedQueriesKeysAndValuesComeApart) {
  const ScratchFolder folder;
  write_file(folder / "model.safetensors",
             safetensors_bytes(model_in(Layout::kOriginal)));
  write_file(folder / "mimi.safetensors", safetensors_bytes(kyutai_mimi()));
  const auto open = [&] {
    WeightStore store = WeightStore::open({.model = folder.path()});
    store.set_head_dims(kHeads);
    return store;
  };
  WeightStore store = open();
  const auto take = [&](const std::string& name) {
    return floats(store.take(kAttention + name, {kRows, 2}, mx::float32));
  };
  EXPECT_EQ(take("q_proj.weight"), in_halves(counted(2 * kRows)));
  EXPECT_EQ(take("k_proj.weight"), in_halves(counted(2 * kRows, 2 * kRows)));
  EXPECT_EQ(take("v_proj.weight"), counted(2 * kRows, 4 * kRows));
  WeightStore wrong = open();
  expect_error(ErrorCode::kCorrupt, {"expected shape [12, 2], got [24, 2]"},
               [&] {
                 (void)wrong.take(std::string(kAttention) + "q_proj.weight",
                                  {4, 2}, mx::float32);
               });
}

TEST(Layouts, NamedCodecReplacesTheModelsOwn) {
  const ScratchFolder folder;
  const ScratchFolder other;
  Tensors tensors = smallest_model();
  tensors.push_back({"codec_model.upsample.conv.weight",
                     "F32",
                     {2, 1},
                     bytes_of(counted(2, 7))});
  write_file(folder / "model.safetensors", safetensors_bytes(tensors));
  write_file(other / "mimi.safetensors", safetensors_bytes(kyutai_mimi()));
  for (const bool named : {false, true}) {
    WeightStore store = WeightStore::open(
        {.model = folder.path(),
         .mimi = named ? other.path() : std::filesystem::path()});
    EXPECT_EQ(store.codec_checkpoint().has_value(), named);
    EXPECT_EQ(floats(store.take("codec.upsample.conv.weight", {2, 1},
                                mx::float32))[0],
              named ? 5.0F : 7.0F);
  }
}

TEST(Layouts, TwoNamesForOneTensorAreRefused) {
  const ScratchFolder folder;
  Tensors tensors = smallest_model();
  tensors.push_back(
      {"backbone_model.embed_tokens.embed_text_tokens.weight", "F32", {2}, {}});
  expect_error(ErrorCode::kCorrupt,
               {"expected one tensor of text_emb", "embed_text_tokens.weight"},
               [&] { (void)open_model(folder, tensors); });
}

TEST(Layouts, CsmTtsMayLeaveOutExtentsOfOne) {
  const ScratchFolder folder;
  Tensors tensors = model_in(Layout::kCsmTts);
  tensors.push_back({"mimi.quantizer.rvq_first.input_proj.weight",
                     "F32",
                     {2, 3},
                     bytes_of(counted(6))});
  WeightStore store = open_model(folder, tensors);
  EXPECT_EQ(floats(store.take("codec.quantizer.semantic_residual_vector_"
                              "quantizer.input_proj.weight",
                              {2, 3, 1}, mx::float32)),
            counted(6));
}

TEST(Layouts, ForeignModulesOfMlxAudioAreLeftAlone) {
  const ScratchFolder folder;
  Tensors tensors = model_in(Layout::kMlx);
  for (TestTensor& tensor : tensors) tensor.name = "model." + tensor.name;
  tensors.push_back({"model._audio_tokenizer.encoder.weight", "F32", {2}, {}});
  WeightStore store = open_model(folder, tensors);
  EXPECT_EQ(store.checkpoint().layout(), Layout::kMlx);
  EXPECT_FALSE(store.has_codec());
  store.skip("");
  EXPECT_NO_THROW(store.check_all_used());
}

}  // namespace
}  // namespace csm::weights
