// Blocks of a GGUF file, from the file to the values of a model's tensor.

#include <gtest/gtest.h>

#include <cstring>
#include <string>
#include <vector>

#include "csm/weights/gguf_file.h"
#include "csm/weights/gguf_testing.h"
#include "csm/weights/safetensors.h"
#include "csm/weights/weight_store.h"

namespace csm::weights {
namespace {

using testing_support::GgufTensor;
using testing_support::ScratchFolder;
using testing_support::smallest_model;
using testing_support::TestGguf;
using testing_support::write_file;

// tools/oracle/gguf_goldens.py
const std::string kData = std::string(CSM_SOURCE_DIR) + "/tests/data/gguf/";
const std::string kGate = "bb.0.gate";

struct Case {
  const char* name;
  std::uint32_t type;
  int bits;  // of the integers, 0: none
};

class GgufStore : public testing::TestWithParam<Case> {
 protected:
  GgufStore() {
    TestGguf file;
    for (const auto& tensor : smallest_model()) {
      GgufTensor out{.name = tensor.name, .shape = {}};
      out.shape.assign(tensor.shape.begin(), tensor.shape.end());
      if (tensor.name == source_name(Layout::kHuggingFace, kGate)) {
        fill(out);
      }
      file.tensors.push_back(out);
    }
    write_file(folder_.path() / "a.gguf", file.bytes());
  }

  [[nodiscard]] WeightStore open() const {
    return WeightStore::open({.model = folder_.path()});
  }

  void expect_values(const mx::array& got) const {
    ASSERT_EQ(got.nbytes(), expected_.size());
    const auto* floats = reinterpret_cast<const float*>(expected_.data());
    for (std::size_t i = 0; i < got.size(); ++i) {
      ASSERT_EQ(got.data<float>()[i], floats[i]) << i;
    }
  }

  std::vector<int> shape_;

 private:
  void fill(GgufTensor& out) {
    const GgufFile golden(kData + "blocks.gguf");
    for (const TensorView& tensor : golden.tensors()) {
      if (tensor.name != GetParam().name) continue;
      shape_.assign(tensor.shape.begin(), tensor.shape.end());
      out.shape.assign(tensor.shape.begin(), tensor.shape.end());
      out.type = GetParam().type;
      out.data.assign(reinterpret_cast<const char*>(tensor.bytes.data()),
                      tensor.bytes.size());
    }
    const SafetensorsFile values(kData + "values.safetensors");
    const auto bytes = values.find(GetParam().name)->bytes;
    expected_.resize(bytes.size());
    std::memcpy(expected_.data(), bytes.data(), bytes.size());
  }

  ScratchFolder folder_;
  std::vector<std::byte> expected_;
};

TEST_P(GgufStore, FloatsAreTheValuesOfPyPiGguf) {
  auto store = open();
  expect_values(store.take(kGate, shape_, mx::float32));
}

TEST_P(GgufStore, IntegersStandForTheSameValues) {
  auto store = open();
  const auto form = store.integer_form(kGate, shape_);
  ASSERT_EQ(form.has_value(), GetParam().bits != 0);
  if (!form) return;
  EXPECT_EQ(*form, (AffineForm{.bits = GetParam().bits, .group = 32}));
  const AffineTensor integers = store.take_affine(kGate, shape_);
  EXPECT_EQ(integers.form, *form);
  expect_values(dequantize(integers, shape_, mx::float32));
}

INSTANTIATE_TEST_SUITE_P(Types, GgufStore,
                         testing::Values(Case{"f16", 1, 0}, Case{"bf16", 30, 0},
                                         Case{"q4_0", 2, 4}, Case{"q8_0", 8, 8},
                                         Case{"q4_k", 12, 4},
                                         Case{"q5_k", 13, 8},
                                         Case{"q6_k", 14, 0}),
                         [](const auto& test) { return test.param.name; });

}  // namespace
}  // namespace csm::weights
