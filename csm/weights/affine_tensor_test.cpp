// Integer weights in a store: what they stand for, and hostile files.

#include "csm/weights/affine_tensor.h"

#include <gtest/gtest.h>

#include <cstdint>
#include <functional>
#include <limits>
#include <ostream>
#include <string>
#include <vector>

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

constexpr const char* kModule = "lm_head";
constexpr int kOut = 2;
constexpr int kIn = 64;
constexpr int kBits = 4;
constexpr int kGroup = 32;
constexpr std::size_t kGroups = kOut * kIn / kGroup;

TestTensor& part(Tensors& tensors, const char* ending) {
  return named(tensors, std::string(kModule) + ending);
}

// q[i] = i mod 16, packed from the lowest bits on.
std::string words() {
  std::vector<std::uint32_t> out(kOut * kIn * kBits / 32);
  for (std::size_t i = 0; i < kOut * kIn; ++i) {
    out[i / 8] |= static_cast<std::uint32_t>(i % 16) << (i % 8 * kBits);
  }
  return bytes_of(out);
}

// The tensors of a model, one of them as integers.
Tensors quantised_model() {
  Tensors out = smallest_model();
  part(out, ".weight") = {std::string(kModule) + ".weight",
                          "U32",
                          {kOut, kIn * kBits / 32},
                          words()};
  out.push_back({std::string(kModule) + ".scales",
                 "F32",
                 {kOut, kIn / kGroup},
                 bytes_of<float>({1.0F, 0.5F, -2.0F, 0.25F})});
  out.push_back({std::string(kModule) + ".biases",
                 "F32",
                 {kOut, kIn / kGroup},
                 bytes_of<float>({0.0F, -1.0F, 8.0F, 3.0F})});
  return out;
}

// Words are as long as floats, for safetensors_bytes().
WeightStore store_of(const ScratchFolder& folder, Tensors tensors) {
  for (TestTensor& tensor : tensors) {
    if (tensor.dtype == "U32" && tensor.data.empty()) {
      std::size_t n = 4;
      for (const auto dim : tensor.shape) n *= static_cast<std::size_t>(dim);
      tensor.data.assign(n, '\0');
    }
  }
  write_file(folder / "model.safetensors", safetensors_bytes(tensors));
  return WeightStore::open({.model = folder.path()});
}

TEST(AffineTensor, TakenAsIntegers_AsStored) {
  const ScratchFolder folder;
  WeightStore store = store_of(folder, quantised_model());
  EXPECT_TRUE(store.has_affine());
  EXPECT_TRUE(store.is_affine("c0_head"));
  EXPECT_FALSE(store.is_affine("proj"));
  const AffineTensor tensor = store.take_affine("c0_head", {kOut, kIn});
  EXPECT_EQ(tensor.form, (AffineForm{kBits, kGroup}));
  EXPECT_EQ(std::string(tensor.words.data<char>(), tensor.words.nbytes()),
            words());
  EXPECT_EQ(tensor.scales.dtype(), mx::float32);
  EXPECT_EQ(tensor.scales.data<float>()[2], -2.0F);
  EXPECT_EQ(tensor.biases.data<float>()[3], 3.0F);
  EXPECT_EQ(store.taken().at("c0_head").bytes, tensor.bytes());
  EXPECT_THROW((void)store.take_affine("c0_head", {kOut, kIn}), Error);
  store.skip("");
  EXPECT_NO_THROW(store.check_all_used());
}

TEST(AffineTensor, ScalesOfBfloat16StayThat) {
  const ScratchFolder folder;
  Tensors tensors = quantised_model();
  for (const char* ending : {".scales", ".biases"}) {
    TestTensor& tensor = part(tensors, ending);
    tensor.dtype = "BF16";
    tensor.data = bytes_of(std::vector<std::uint16_t>(kGroups, 0x3F80U));  // 1
  }
  WeightStore store = store_of(folder, tensors);
  const AffineTensor tensor = store.take_affine("c0_head", {kOut, kIn});
  EXPECT_EQ(tensor.scales.dtype(), mx::bfloat16);
  EXPECT_EQ(tensor.biases.dtype(), mx::bfloat16);
}

TEST(AffineTensor, TakenAsFloats_WhatTheIntegersStandFor) {
  const std::vector<float> scales = {1.0F, 0.5F, -2.0F, 0.25F};
  const std::vector<float> biases = {0.0F, -1.0F, 8.0F, 3.0F};
  for (const mx::Dtype dtype : {mx::float32, mx::bfloat16}) {
    const ScratchFolder folder;
    WeightStore store = store_of(folder, quantised_model());
    const mx::array got = store.take("c0_head", {kOut, kIn}, dtype);
    ASSERT_EQ(got.dtype(), dtype);
    for (std::size_t i = 0; i < kOut * kIn; ++i) {
      const std::size_t g = i / kGroup;
      const float want = scales[g] * static_cast<float>(i % 16) + biases[g];
      const float value =
          dtype == mx::float32
              ? got.data<float>()[i]
              : static_cast<float>(got.data<mx::bfloat16_t>()[i]);
      EXPECT_EQ(value, want) << i;  // all are numbers of bfloat16
    }
  }
}

TEST(AffineTensor, Parts_AreTheRowsOfTheWhole) {
  const ScratchFolder folder;
  Tensors tensors = quantised_model();
  part(tensors, ".weight")
      .shape.insert(part(tensors, ".weight").shape.begin() + 1, 1);
  for (const char* ending : {".scales", ".biases"}) {
    auto& shape = part(tensors, ending).shape;
    shape.insert(shape.begin() + 1, 1);
  }
  WeightStore store = store_of(folder, tensors);
  for (int i = 0; i < kOut; ++i) {
    const AffineTensor row =
        store.take_affine_part("c0_head", {kOut, 1, kIn}, i);
    EXPECT_EQ(row.words.shape(), (mx::Shape{1, kIn * kBits / 32}));
    EXPECT_EQ(std::string(row.words.data<char>(), row.words.nbytes()),
              words().substr(row.words.nbytes() * static_cast<std::size_t>(i),
                             row.words.nbytes()));
    EXPECT_EQ(row.scales.data<float>()[0], i == 0 ? 1.0F : -2.0F);
  }
}

TEST(AffineTensor, DeclaredForm_MustBeTheStoredOne) {
  struct Case {
    Quantization declared;
    bool fits;
  };
  const std::vector<Case> cases = {
      {{.form = {4, 32}, .modules = {}}, true},
      {{.form = {8, 64}, .modules = {{kModule, AffineForm{4, 32}}}}, true},
      {{.form = {4, 64}, .modules = {}}, false},
      {{.form = {8, 32}, .modules = {}}, false},
      {{.form = {4, 32}, .modules = {{kModule, std::nullopt}}}, false}};
  for (const Case& c : cases) {
    const ScratchFolder folder;
    WeightStore store = store_of(folder, quantised_model());
    store.declare(c.declared);
    const auto take = [&] { (void)store.take_affine("c0_head", {kOut, kIn}); };
    if (c.fits) {
      EXPECT_NO_THROW(take());
    } else {
      expect_error(ErrorCode::kCorrupt, {"as config.json says", kModule}, take);
    }
  }
}

TEST(AffineTensor, ListedModuleWithFloats_IsRefused) {
  const ScratchFolder folder;
  WeightStore store = store_of(folder, quantised_model());
  store.declare({.form = {4, 32},
                 .modules = {{"backbone_model.layers.0.self_attn.q_proj",
                              AffineForm{8, 32}}}});
  expect_error(
      ErrorCode::kCorrupt,
      {"8 bits in groups of 32 as config.json says", "got BF16", "q_proj"},
      [&] { (void)store.take("bb.0.q", {1, 2}, mx::float32); });
}

// A change to quantised_model, and what opening it or taking the integers
// leads to.
struct BadAffine {
  std::string name;
  ErrorCode code;
  std::vector<std::string> parts;
  std::function<void(Tensors&)> change;
};

void PrintTo(const BadAffine& bad, std::ostream* out) { *out << bad.name; }

constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
constexpr float kInf = std::numeric_limits<float>::infinity();
constexpr float kMax = std::numeric_limits<float>::max();

std::function<void(Tensors&)> removed(const char* ending) {
  return [ending](Tensors& t) {
    std::erase_if(t, [&](const TestTensor& x) {
      return x.name == std::string(kModule) + ending;
    });
  };
}

std::function<void(Tensors&)> shaped(const char* ending,
                                     std::vector<std::int64_t> shape) {
  return [=](Tensors& t) {
    part(t, ending).shape = shape;
    part(t, ending).data.clear();
  };
}

std::function<void(Tensors&)> typed(const char* ending, const char* dtype) {
  return [=](Tensors& t) {
    part(t, ending).dtype = dtype;
    part(t, ending).data.clear();
  };
}

std::function<void(Tensors&)> valued(const char* ending, float value) {
  return [=](Tensors& t) {
    part(t, ending).data = bytes_of<float>({1.0F, 1.0F, value, 1.0F});
  };
}

// What is wrong with the words or a type, or missing.
std::vector<BadAffine> bad_words() {
  const ErrorCode corrupt = ErrorCode::kCorrupt;
  const ErrorCode unsupported = ErrorCode::kUnsupported;
  return {
      {"no_scales",
       ErrorCode::kNotFound,
       {"expected tensor lm_head.scales", "lm_head.weight"},
       removed(".scales")},
      {"no_biases",
       ErrorCode::kNotFound,
       {"expected tensor lm_head.biases", "lm_head.weight"},
       removed(".biases")},
      {"no_words",
       corrupt,
       {"lm_head.biases", "lm_head.scales"},
       removed(".weight")},
      {"words_not_u32",
       unsupported,
       {"U32", "got I32", "lm_head.weight"},
       typed(".weight", "I32")},
      {"words_float",
       unsupported,
       {"U32", "got F32", "lm_head.weight"},
       typed(".weight", "F32")},
      {"scales_integer",
       unsupported,
       {"got I32", "lm_head.scales"},
       typed(".scales", "I32")},
      {"biases_integer",
       unsupported,
       {"got U32", "lm_head.biases"},
       typed(".biases", "U32")},
      {"words_other_rows",
       corrupt,
       {"got [3, 8]", "lm_head.weight"},
       shaped(".weight", {3, 8})},
      {"words_one_axis",
       corrupt,
       {"got [16]", "lm_head.weight"},
       shaped(".weight", {16})},
      {"words_seven_bits",
       corrupt,
       {"2, 3, 4, 5, 6 or 8 bits", "got [2, 14]"},
       shaped(".weight", {2, 14})},
      {"words_no_columns",
       corrupt,
       {"got [2, 0]", "lm_head.weight"},
       shaped(".weight", {2, 0})},
      {"words_too_many",
       corrupt,
       {"got [2, 64]", "lm_head.weight"},
       shaped(".weight", {2, 64})},
  };
}

// What is wrong with scales and biases.
std::vector<BadAffine> bad_scales() {
  const ErrorCode corrupt = ErrorCode::kCorrupt;
  const ErrorCode unsupported = ErrorCode::kUnsupported;
  return {
      {"scales_other_rows",
       corrupt,
       {"got [1, 2]", "lm_head.scales"},
       shaped(".scales", {1, 2})},
      {"scales_one_axis",
       corrupt,
       {"got [4]", "lm_head.scales"},
       shaped(".scales", {4})},
      {"scales_no_group",
       corrupt,
       {"got [2, 0]", "lm_head.scales"},
       shaped(".scales", {2, 0})},
      {"groups_do_not_divide",
       corrupt,
       {"divide 64", "got 3", "scales"},
       shaped(".scales", {2, 3})},
      {"groups_too_small",
       unsupported,
       {"got 4", "lm_head.scales"},
       shaped(".scales", {2, 16})},
      {"biases_other_shape",
       corrupt,
       {"that of the scales", "got [2, 1]"},
       shaped(".biases", {2, 1})},
      {"scale_nan",
       corrupt,
       {"element 2", "lm_head.scales"},
       valued(".scales", kNan)},
      {"scale_infinite",
       corrupt,
       {"element 2", "lm_head.scales"},
       valued(".scales", -kInf)},
      {"bias_nan",
       corrupt,
       {"element 2", "lm_head.biases"},
       valued(".biases", kNan)},
      {"weights_overflow",
       corrupt,
       {"overflow in group 2", "scales"},
       valued(".scales", kMax / 4)},
  };
}

class BadAffines : public testing::TestWithParam<BadAffine> {};

TEST_P(BadAffines, GiveAOneLineErrorThatNamesTheTensor) {
  const ScratchFolder folder;
  auto tensors = quantised_model();
  GetParam().change(tensors);
  expect_error(GetParam().code, GetParam().parts, [&] {
    WeightStore store = store_of(folder, tensors);
    (void)store.take_affine("c0_head", {kOut, kIn});
  });
}

INSTANTIATE_TEST_SUITE_P(Words, BadAffines, testing::ValuesIn(bad_words()),
                         [](const auto& test) { return test.param.name; });
INSTANTIATE_TEST_SUITE_P(Scales, BadAffines, testing::ValuesIn(bad_scales()),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace csm::weights
