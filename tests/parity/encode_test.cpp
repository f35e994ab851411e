// Mimi's encoder against transformers and moshi on tiny random codecs
// (tools/oracle/encode_goldens.py), and its streaming properties.

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <filesystem>
#include <string>
#include <unordered_map>
#include <vector>

#include "csm/base/error.h"
#include "tests/parity/tiny_model.h"

namespace csm::parity {
namespace {

using Codes = std::vector<std::int32_t>;
using testing::HasSubstr;

Codes values(const mx::array& codes) {
  mx::array flat =
      mx::contiguous(mx::astype(mx::flatten(codes), mx::int32), false);
  flat.eval();
  return {flat.data<std::int32_t>(), flat.data<std::int32_t>() + flat.size()};
}

class EncodeParity : public testing::TestWithParam<Case> {
 protected:
  void SetUp() override {
    goldens_ = mx::load_safetensors((std::filesystem::path(CSM_SOURCE_DIR) /
                                     "tests/data/encode" /
                                     (GetParam().name + ".safetensors"))
                                        .string())
                   .first;
  }

  [[nodiscard]] const mx::array& golden(const std::string& name) const {
    return goldens_.at(name);
  }
  [[nodiscard]] mx::array samples() const { return golden("samples"); }
  [[nodiscard]] int frame() const { return config().frame_samples(); }
  [[nodiscard]] int n_books() const { return config().n_codebooks; }
  [[nodiscard]] const codec::MimiConfig& config() const {
    return tiny_.encoder().config();
  }

  /// Samples encoded in chunks, each evaluated by itself.
  [[nodiscard]] Codes encode(const mx::array& sound,
                             const std::vector<int>& lengths) const {
    auto state = tiny_.encoder().new_state();
    Codes out;
    for (const mx::array& part : chunks(sound, lengths)) {
      std::vector<mx::array> arrays{
          tiny_.encoder().encode(tiny_.exec(), part, state, n_books())};
      state.append_arrays(arrays);
      mx::eval(arrays);
      const Codes codes = values(arrays[0]);
      out.insert(out.end(), codes.begin(), codes.end());
    }
    return out;
  }

  const TinyModel tiny_{GetParam()};
  std::unordered_map<std::string, mx::array> goldens_;
};

// Case "grouped" is longer (281 steps) than its window of 250; the windows of
// the others are 6 and 7 steps.
TEST_P(EncodeParity, Codes_AreTransformers) {
  EXPECT_EQ(encode(samples(), {1 << 20}), values(golden("codes")));
}

TEST_P(EncodeParity, FilledUpWithSilence_CodesAreMoshis) {
  const mx::array sound = samples();
  const int missing = frame() - sound.shape(0) % frame();
  EXPECT_EQ(encode(mx::concatenate({sound, mx::zeros({missing}, mx::float32)}),
                   {1 << 20}),
            values(golden("silence_codes")));
}

TEST_P(EncodeParity, UpToAFrame_CodesAreTransformers) {
  const std::vector<std::int32_t> lengths = values(golden("lengths"));
  const Codes want = values(golden("short_codes"));
  const auto width = static_cast<std::size_t>(n_books());
  ASSERT_EQ(want.size(), lengths.size() * width);
  for (std::size_t i = 0; i < lengths.size(); ++i) {
    const auto first = want.begin() + static_cast<std::ptrdiff_t>(i * width);
    EXPECT_EQ(encode(rows(samples(), 0, lengths[i]), {1 << 20}),
              Codes(first, first + n_books()))
        << lengths[i] << " samples";
  }
}

TEST_P(EncodeParity, AnyChunks_EqualTheWhole) {
  const Codes whole = encode(samples(), {1 << 20});
  for (const std::vector<int>& frames :
       {std::vector{1}, {2}, {7}, {16}, {17}, {1, 30, 3, 16, 5}}) {
    std::vector<int> lengths;
    for (const int n : frames) lengths.push_back(n * frame());
    EXPECT_EQ(encode(samples(), lengths), whole) << frames[0];
  }
}

TEST_P(EncodeParity, FewerCodebooks_AreAPrefix) {
  const mx::array sound = rows(samples(), 0, 5 * frame());
  auto state = tiny_.encoder().new_state();
  const mx::array all =
      tiny_.encoder().encode(tiny_.exec(), sound, state, n_books());
  for (int n = 1; n < n_books(); ++n) {
    auto other = tiny_.encoder().new_state();
    EXPECT_EQ(values(tiny_.encoder().encode(tiny_.exec(), sound, other, n)),
              values(mx::slice(all, {0, 0}, {5, n})))
        << n;
  }
}

TEST_P(EncodeParity, Fork_ContinuesByItself) {
  const auto part = [&](int first, int last, auto& state) {
    return values(tiny_.encoder().encode(
        tiny_.exec(), rows(samples(), first * frame(), last * frame()), state,
        n_books()));
  };
  auto state = tiny_.encoder().new_state();
  (void)part(0, 8, state);
  auto other = state.fork();
  (void)part(2, 7, other);
  const Codes want = values(golden("codes"));
  EXPECT_EQ(part(8, 15, state),
            Codes(want.begin() + 8 * n_books(), want.begin() + 15 * n_books()));
}

TEST_P(EncodeParity, WhatDoesNotFit_InvalidArgument) {
  const auto refusal = [&](const mx::array& sound, int n,
                           codec::MimiEncoder::State& state) -> std::string {
    try {
      static_cast<void>(tiny_.encoder().encode(tiny_.exec(), sound, state, n));
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
      return error.what();
    }
    ADD_FAILURE() << "accepted";
    return {};
  };
  auto state = tiny_.encoder().new_state();
  EXPECT_THAT(refusal(mx::zeros({0}, mx::float32), 1, state),
              HasSubstr("n >= 1"));
  EXPECT_THAT(refusal(mx::zeros({1, frame()}, mx::float32), 1, state),
              HasSubstr("2 dimensions"));
  EXPECT_THAT(refusal(mx::zeros({frame()}, mx::int32), 1, state),
              HasSubstr("float32"));
  const mx::array silence = mx::zeros({frame() + 1}, mx::float32);
  for (const int n : {0, n_books() + 1}) {
    EXPECT_THAT(refusal(silence, n, state), HasSubstr("codebooks, got"));
  }
  auto ended = tiny_.encoder().new_state();
  EXPECT_EQ(tiny_.encoder().encode(tiny_.exec(), silence, ended, 1).shape(0),
            2);
  EXPECT_THAT(refusal(silence, 1, ended), HasSubstr("after a part of a frame"));
}

INSTANTIATE_TEST_SUITE_P(Tiny, EncodeParity, testing::ValuesIn(all_cases()),
                         [](const auto& which) {
                           return test_name(which.param);
                         });

}  // namespace
}  // namespace csm::parity
