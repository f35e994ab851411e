#include "csm/weights/ggml_blocks.h"

#include <gtest/gtest.h>

#include <bit>
#include <cstring>
#include <string>
#include <vector>

#include "csm/weights/gguf_file.h"
#include "csm/weights/safetensors.h"

namespace csm::weights {
namespace {

// tools/oracle/gguf_goldens.py
const std::string kData = std::string(CSM_SOURCE_DIR) + "/tests/data/gguf/";

struct Case {
  const char* name;
  Dtype dtype;
  int bits;  // of its affine form, 0: none
};

class GgmlBlocks : public testing::TestWithParam<Case> {
 protected:
  GgmlBlocks()
      : file_(kData + "blocks.gguf"), values_(kData + "values.safetensors") {
    for (const TensorView& tensor : file_.tensors()) {
      if (tensor.name == GetParam().name) blocks_ = tensor.bytes;
    }
    const auto bytes = values_.find(GetParam().name)->bytes;
    expected_.resize(bytes.size() / sizeof(float));
    std::memcpy(expected_.data(), bytes.data(), bytes.size());
  }

  GgufFile file_;
  SafetensorsFile values_;
  std::span<const std::byte> blocks_;
  std::vector<float> expected_;
};

TEST_P(GgmlBlocks, ValuesAreThoseOfPyPiGgufBitByBit) {
  std::vector<float> got(expected_.size());
  dequantize_blocks(GetParam().dtype, blocks_, got.data());
  for (std::size_t i = 0; i < got.size(); ++i) {
    ASSERT_EQ(std::bit_cast<std::uint32_t>(got[i]),
              std::bit_cast<std::uint32_t>(expected_[i]))
        << i << ": " << got[i] << " " << expected_[i];
  }
}

TEST_P(GgmlBlocks, AffineFormHasTheSameValues) {
  const auto form = affine_form_of(GetParam().dtype);
  ASSERT_EQ(form.has_value(), GetParam().bits != 0);
  if (!form) return;
  EXPECT_EQ(form->bits, GetParam().bits);
  EXPECT_EQ(form->group, 32);
  const auto bits = static_cast<std::size_t>(form->bits);
  std::vector<std::uint32_t> words(expected_.size() * bits / 32);
  std::vector<float> scales(expected_.size() / 32);
  std::vector<float> biases(scales.size());
  blocks_to_affine(GetParam().dtype, blocks_, words.data(), scales.data(),
                   biases.data());
  for (std::size_t i = 0; i < expected_.size(); ++i) {
    const std::size_t bit = i * bits;
    const std::uint32_t q =
        (words[bit / 32] >> (bit % 32)) & ((1U << bits) - 1);
    ASSERT_EQ(scales[i / 32] * static_cast<float>(q) + biases[i / 32],
              expected_[i])
        << i;
  }
}

INSTANTIATE_TEST_SUITE_P(Types, GgmlBlocks,
                         testing::Values(Case{"q4_0", Dtype::kQ4_0, 4},
                                         Case{"q8_0", Dtype::kQ8_0, 8},
                                         Case{"q4_k", Dtype::kQ4K, 4},
                                         Case{"q5_k", Dtype::kQ5K, 8},
                                         Case{"q6_k", Dtype::kQ6K, 0}),
                         [](const auto& test) { return test.param.name; });

TEST(GgmlBlocksTypes, OtherTypesHaveNoAffineForm) {
  EXPECT_FALSE(affine_form_of(Dtype::kF16).has_value());
  EXPECT_FALSE(affine_form_of(Dtype::kU32).has_value());
}

}  // namespace
}  // namespace csm::weights
