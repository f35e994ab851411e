#include "csm/weights/convert.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <cstdint>
#include <limits>
#include <span>
#include <string>
#include <vector>

#include "csm/base/sha256.h"
#include "csm/weights/weights_testing.h"

namespace csm::weights {
namespace {

template <class Out, class In>
std::vector<Out> converted(Dtype source, const std::vector<In>& in,
                           Target target) {
  std::vector<Out> out(in.size());
  EXPECT_EQ(convert(source, std::as_bytes(std::span(in)), target,
                    std::as_writable_bytes(std::span(out)).data()),
            std::nullopt);
  return out;
}

template <class T>
std::string sha_of(const std::vector<T>& values) {
  return sha256_hex(std::as_bytes(std::span(values)));
}

Json goldens() {
  return Json::parse(testing_support::read_file(
      std::filesystem::path(CSM_SOURCE_DIR) /
      "tests/data/weights/goldens.json"))["conversions"];
}

// All finite patterns of 16 bits with the given exponent mask.
std::vector<std::uint16_t> finite16(std::uint32_t exponent) {
  std::vector<std::uint16_t> out;
  for (std::uint32_t bits = 0; bits < 0x10000; ++bits) {
    if ((bits & exponent) != exponent) {
      out.push_back(static_cast<std::uint16_t>(bits));
    }
  }
  return out;
}

TEST(Convert, EveryFloat16AsTorch) {
  const auto in = finite16(0x7C00);
  const Json golden = goldens();
  EXPECT_EQ(sha_of(converted<float>(Dtype::kF16, in, Target::kF32)),
            golden["f16_to_f32"].get<std::string>());
  EXPECT_EQ(sha_of(converted<std::uint16_t>(Dtype::kF16, in, Target::kBf16)),
            golden["f16_to_bf16"].get<std::string>());
}

TEST(Convert, EveryBfloat16) {
  const auto in = finite16(0x7F80);
  EXPECT_EQ(sha_of(converted<float>(Dtype::kBf16, in, Target::kF32)),
            goldens()["bf16_to_f32"].get<std::string>());
  EXPECT_EQ(converted<std::uint16_t>(Dtype::kBf16, in, Target::kBf16), in);
}

// The patterns of tools/oracle/weights_goldens.py, half of them ties.
TEST(Convert, Float32ToBfloat16RoundsAsTorch) {
  std::vector<std::uint32_t> in;
  for (std::uint64_t i = 0; i < 1U << 20U; ++i) {
    std::uint64_t bits = i * 0x9E3779B1U;
    if (i % 2 == 1) bits = (bits & ~0xFFFFULL) + 0x7FFFU + (i / 2) % 3;
    const auto pattern = static_cast<std::uint32_t>(bits);
    // Above the largest bfloat16 and a half step: infinite behind rounding.
    if ((pattern & 0x7FFFFFFFU) < 0x7F7F8000U) in.push_back(pattern);
  }
  const Json golden = goldens();
  EXPECT_EQ(in.size(), golden["f32_count"].get<std::size_t>());
  EXPECT_EQ(sha_of(converted<std::uint16_t>(Dtype::kF32, in, Target::kBf16)),
            golden["f32_to_bf16"].get<std::string>());
  EXPECT_EQ(converted<std::uint32_t>(Dtype::kF32, in, Target::kF32), in);
}

TEST(Convert, FindsTheFirstValueThatIsNotFinite) {
  constexpr float kInf = std::numeric_limits<float>::infinity();
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  for (const float bad : {kInf, -kInf, kNan, -kNan}) {
    for (const std::size_t at : {0U, 1U, 1023U, 1024U, 2999U}) {
      std::vector<float> in(3000, 1.0F);
      in[at] = bad;
      in.back() = bad;
      for (const Target target : {Target::kF32, Target::kBf16}) {
        std::vector<float> out(in.size());
        EXPECT_EQ(convert(Dtype::kF32, std::as_bytes(std::span(in)), target,
                          std::as_writable_bytes(std::span(out)).data()),
                  at);
      }
    }
  }
  for (const auto& [dtype, bits] : {std::pair{Dtype::kF16, 0x7C00},
                                    {Dtype::kF16, 0xFC01},
                                    {Dtype::kBf16, 0x7F80},
                                    {Dtype::kBf16, 0xFFFF}}) {
    const std::vector<std::uint16_t> in = {0, static_cast<std::uint16_t>(bits)};
    std::vector<float> out(2);
    for (const Target target : {Target::kF32, Target::kBf16}) {
      EXPECT_EQ(convert(dtype, std::as_bytes(std::span(in)), target,
                        std::as_writable_bytes(std::span(out)).data()),
                1U);
    }
  }
}

TEST(Convert, OverflowOfBfloat16IsFound) {
  const std::vector<std::uint32_t> in = {0x7F7F7FFF, 0x7F7F8000};
  std::vector<std::uint16_t> out(2);
  EXPECT_EQ(convert(Dtype::kF32, std::as_bytes(std::span(in)), Target::kBf16,
                    std::as_writable_bytes(std::span(out)).data()),
            1U);
  EXPECT_EQ(out[0], 0x7F7F);
}

TEST(Convert, SourceNeedsNoAlignment) {
  const std::vector<float> values = {1.5F, -2.0F, 1e-40F};
  std::vector<std::byte> raw(1 + values.size() * sizeof(float));
  std::memcpy(raw.data() + 1, values.data(), raw.size() - 1);
  std::vector<float> out(values.size());
  EXPECT_EQ(convert(Dtype::kF32, std::span(raw).subspan(1), Target::kF32,
                    std::as_writable_bytes(std::span(out)).data()),
            std::nullopt);
  EXPECT_EQ(out, values);
}

TEST(Convert, OtherTypesAreNotConvertible) {
  EXPECT_FALSE(is_convertible(Dtype::kF64));
  EXPECT_FALSE(is_convertible(Dtype::kI32));
  EXPECT_TRUE(is_convertible(Dtype::kF16));
}

}  // namespace
}  // namespace csm::weights
