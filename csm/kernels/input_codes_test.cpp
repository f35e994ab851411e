#include "csm/kernels/input_codes.h"

#include <gtest/gtest.h>

#include <cmath>
#include <cstring>
#include <vector>

#include "csm/base/thread_pool.h"
#include "csm/kernels/affine_testing.h"

namespace csm::kernels {
namespace {

using testing::AffineForm;
using testing::AffineMatrix;
using testing::as_size;
using testing::random_floats;

/// Relative error, root mean square over many outputs, that (a) the weights'
/// integers and (b) the codes of the inputs put on a product of normal numbers.
struct Errors {
  double weights;
  double codes;
};

Errors measure(WeightType type) {
  constexpr std::int64_t kIn = 1024;
  constexpr std::int64_t kOut = 128;
  constexpr std::int64_t kRows = 4;
  const std::vector<float> x = random_floats(kRows * kIn, 1);
  const std::vector<float> exact = random_floats(kOut * kIn, 2, 0.02F);
  const AffineMatrix w({type, {}}, kOut, kIn, exact);
  const std::vector<float> y = w.multiply(x, kernel_isa());
  double size = 0;
  double weights = 0;
  double codes = 0;
  for (std::int64_t row = 0; row < kRows; ++row) {
    for (std::int64_t out = 0; out < kOut; ++out) {
      double want = 0;
      double rounded = 0;
      for (std::int64_t i = 0; i < kIn; ++i) {
        const auto xi = static_cast<double>(x[as_size(row * kIn + i)]);
        want += xi * static_cast<double>(exact[as_size(out * kIn + i)]);
        rounded += xi * w.value(out, i);
      }
      size += want * want;
      weights += std::pow(rounded - want, 2);
      codes += std::pow(
          static_cast<double>(y[as_size(row * kOut + out)]) - rounded, 2);
    }
  }
  return {std::sqrt(weights / size), std::sqrt(codes / size)};
}

// The numbers that decide how many bits a code has; input_codes.h quotes them.
TEST(InputCodes, EightBitCodes_FarBelowTheErrorOfFourBitWeights) {
  const Errors errors = measure(WeightType::kInt4);
  RecordProperty("weights_error", std::to_string(errors.weights));
  RecordProperty("codes_error", std::to_string(errors.codes));
  EXPECT_LT(errors.codes, 0.1 * errors.weights);
  EXPECT_NEAR(errors.codes, 0.006, 0.002);
  EXPECT_NEAR(errors.weights, 0.09, 0.02);
}

TEST(InputCodes, FifteenBitCodes_FarBelowTheErrorOfEightBitWeights) {
  const Errors errors = measure(WeightType::kInt8);
  RecordProperty("weights_error", std::to_string(errors.weights));
  RecordProperty("codes_error", std::to_string(errors.codes));
  EXPECT_LT(errors.codes, 0.02 * errors.weights);
  EXPECT_NEAR(errors.codes, 5e-5, 2e-5);
  EXPECT_NEAR(errors.weights, 0.006, 0.002);
}

/// Codes of the scalar form, whose layout is known: 16-bit, then scale and sum.
std::vector<std::byte> scalar_codes(const std::vector<float>& x, int group,
                                    WeightType type) {
  std::vector<std::byte> codes(
      as_size(code_stride(static_cast<std::int64_t>(x.size()), group)));
  code_inputs({.x = x.data(),
               .x_stride = static_cast<std::int64_t>(x.size()),
               .n_rows = 1,
               .n_in = static_cast<std::int64_t>(x.size()),
               .type = type,
               .group = group,
               .codes = codes.data()},
              nullptr, Isa::kScalar);
  return codes;
}

TEST(InputCodes, Scalar_FollowsTheDocumentedRule) {
  for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
    for (const int group : {32, 64, 128}) {
      const std::vector<float> x = random_floats(256, 3);
      const auto codes = scalar_codes(x, group, type);
      for (std::size_t g = 0; g < x.size() / as_size(group); ++g) {
        float scale[2];
        std::memcpy(scale, codes.data() + 2 * x.size() + 8 * g, 8);
        float max = 0;
        float sum = 0;
        for (std::size_t i = g * as_size(group); i < (g + 1) * as_size(group);
             ++i) {
          max = std::max(max, std::abs(x[i]));
        }
        const auto limit = static_cast<float>(max_code(type));
        for (std::size_t i = g * as_size(group); i < (g + 1) * as_size(group);
             ++i) {
          std::int16_t code;
          std::memcpy(&code, codes.data() + 2 * i, 2);
          EXPECT_EQ(code, std::nearbyint(x[i] * (limit / max)));
          sum += static_cast<float>(code);
        }
        EXPECT_EQ(scale[0], max / limit);
        EXPECT_EQ(scale[1], sum);
      }
    }
  }
}

TEST(InputCodes, GroupByGroupAndThreads_SameCodes) {
  for (const Isa isa : available_isas()) {
    for (const WeightType type : {WeightType::kInt8, WeightType::kInt4}) {
      const std::vector<float> x = random_floats(64 * 1024, 4);
      std::vector<std::byte> whole(as_size(64 * code_stride(1024, 64)));
      std::vector<std::byte> parts(whole.size());
      InputCoding coding{.x = x.data(),
                         .x_stride = 1024,
                         .n_rows = 64,
                         .n_in = 1024,
                         .type = type,
                         .group = 64,
                         .codes = whole.data()};
      ThreadPool pool(3);
      code_inputs(coding, &pool, isa);
      coding.codes = parts.data();
      code_groups(coding, {0, 5}, isa);
      coding.x += 5 * 64;  // x may begin with the groups that are wanted
      coding.first_group = 5;
      code_groups(coding, {5, 16}, isa);
      EXPECT_EQ(whole, parts) << to_string(isa);
    }
  }
}

}  // namespace
}  // namespace csm::kernels
