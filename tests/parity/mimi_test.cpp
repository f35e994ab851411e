// Mimi's decoder against transformers and moshi on tiny random codecs, and
// its streaming properties.

#include <gtest/gtest.h>

#include <cmath>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "tests/parity/tiny_model.h"

namespace csm::parity {
namespace {

constexpr float kTolerance = 1e-4F;
constexpr float kComposedSlack = 1e-5F;  // MLX's sums depend on the row count

class MimiParity : public testing::TestWithParam<Case> {
 protected:
  [[nodiscard]] static float same() {
    return GetParam().bit_exact() ? 0.0F : kComposedSlack;
  }

  /// The goldens' codes decoded in chunks, each evaluated by itself.
  [[nodiscard]] static mx::array decode(const TinyModel& tiny,
                                        const std::vector<int>& lengths) {
    auto state = tiny.mimi().new_state();
    std::vector<mx::array> out;
    for (const mx::array& part : chunks(tiny.golden("mimi_codes"), lengths)) {
      std::vector<mx::array> arrays{
          tiny.mimi().decode(tiny.exec(), part, state)};
      out.push_back(arrays[0]);
      state.append_arrays(arrays);
      mx::eval(arrays);
    }
    return mx::concatenate(out, 0);
  }
};

// Case "grouped" is longer (280 steps) than its window of 250; the windows of
// the others are 6 and 7 steps. The reference has moshi's window.
TEST_P(MimiParity, Audio_IsTheReferences) {
  const TinyModel tiny(GetParam());
  const mx::array audio = decode(tiny, {1000});
  EXPECT_EQ(audio.size(),
            static_cast<std::size_t>(tiny.golden("mimi_codes").shape(0) *
                                     tiny.mimi().config().frame_samples()));
  expect_close(audio, tiny.golden("mimi_audio"), kTolerance);
}

TEST_P(MimiParity, AnyChunks_EqualTheWhole) {
  const TinyModel tiny(GetParam());
  const mx::array whole = decode(tiny, {1000});
  for (const std::vector<int>& lengths :
       {std::vector{1}, {2}, {7}, {16}, {17}, {1, 40, 3, 16, 5}}) {
    SCOPED_TRACE(lengths[0]);
    expect_close(decode(tiny, lengths), whole, same());
  }
}

// Streams that started one after the other, a frame of each at a time.
TEST_P(MimiParity, StreamsTogether_EachSoundsAsAlone) {
  const TinyModel tiny(GetParam());
  const mx::array codes = tiny.golden("mimi_codes");
  const int samples = tiny.mimi().config().frame_samples();
  constexpr int kStreams = 3;
  constexpr int kFrames = 6;
  std::vector<codec::MimiDecoder::State> states;
  std::vector<std::vector<mx::array>> audio(kStreams);
  for (int step = 0; step < kStreams + kFrames; ++step) {
    if (step < kStreams) states.push_back(tiny.mimi().new_state());
    std::vector<codec::MimiDecoder::State*> live;
    std::vector<mx::array> frame;  // stream s begins with frame s of the codes
    for (codec::MimiDecoder::State& state : states) {
      live.push_back(&state);
      frame.push_back(rows(codes, step, step + 1));
    }
    std::vector<mx::array> arrays =
        tiny.mimi().decode_each(tiny.exec(), mx::concatenate(frame, 0), live);
    ASSERT_EQ(arrays.size(), live.size());
    for (std::size_t s = 0; s < live.size(); ++s) {
      audio[s].push_back(arrays[s]);
    }
    for (const auto& state : states) state.append_arrays(arrays);
    mx::eval(arrays);
  }
  for (int s = 0; s < kStreams; ++s) {
    auto alone = tiny.mimi().new_state();
    const mx::array want = tiny.mimi().decode(
        tiny.exec(), rows(codes, s, kStreams + kFrames), alone);
    EXPECT_EQ(want.size(), audio[static_cast<std::size_t>(s)].size() *
                               static_cast<std::size_t>(samples));
    expect_close(mx::concatenate(audio[static_cast<std::size_t>(s)], 0), want,
                 same());
  }
}

TEST_P(MimiParity, FewerCodebooks_AreAPrefix) {
  const TinyModel tiny(GetParam());
  const mx::array want = tiny.golden("mimi_fewer_audio");
  const int frames =
      static_cast<int>(want.size()) / tiny.mimi().config().frame_samples();
  const mx::array codes =
      mx::slice(tiny.golden("mimi_codes"), {0, 0},
                {frames, tiny.mimi().config().n_codebooks - 1});
  auto state = tiny.mimi().new_state();
  expect_close(tiny.mimi().decode(tiny.exec(), codes, state), want, kTolerance);
}

TEST_P(MimiParity, Fork_ContinuesByItself) {
  const TinyModel tiny(GetParam());
  const mx::array codes = tiny.golden("mimi_codes");
  const int samples = tiny.mimi().config().frame_samples();
  auto state = tiny.mimi().new_state();
  tiny.mimi().decode(tiny.exec(), rows(codes, 0, 10), state).eval();
  auto other = state.fork();
  tiny.mimi().decode(tiny.exec(), rows(codes, 0, 5), other).eval();
  const mx::array got =
      tiny.mimi().decode(tiny.exec(), rows(codes, 10, 20), state);
  expect_close(got, rows(decode(tiny, {1000}), 10 * samples, 20 * samples),
               same());
}

TEST_P(MimiParity, ShapesThatDoNotFit_InvalidArgument) {
  const TinyModel tiny(GetParam());
  const int books = tiny.mimi().config().n_codebooks;
  auto state = tiny.mimi().new_state();
  for (const mx::Shape& shape :
       {mx::Shape{0, books}, {2, books + 1}, {2, 0}, {books}}) {
    try {
      static_cast<void>(
          tiny.mimi().decode(tiny.exec(), mx::zeros(shape, mx::int32), state));
      ADD_FAILURE() << "accepted " << shape.size() << " dimensions";
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument) << error.what();
    }
  }
}

TEST_P(MimiParity, CodeOfNoEntry_AddsNothingAndStaysInItsFrame) {
  const TinyModel tiny(GetParam());
  const auto& config = tiny.mimi().config();
  const mx::array codes = rows(tiny.golden("mimi_codes"), 0, 12);
  const auto with = [&](std::int32_t code, int codebook) {
    const mx::array changed =
        mx::slice_update(codes, mx::array({code}, {1, 1}),
                         mx::Shape{5, codebook}, {6, codebook + 1});
    auto state = tiny.mimi().new_state();
    return tiny.mimi().decode(tiny.exec(), changed, state);
  };
  auto state = tiny.mimi().new_state();
  const mx::array plain = tiny.mimi().decode(tiny.exec(), codes, state);
  for (const int codebook : {0, 1, config.n_codebooks - 1}) {
    const mx::array got = with(config.codebook_size, codebook);
    expect_close(with(-1, codebook), got, 0);
    expect_close(with(1 << 30, codebook), got, 0);
    const int before = 5 * config.frame_samples();
    expect_close(rows(got, 0, before), rows(plain, 0, before), 0);
    EXPECT_FALSE(mx::array_equal(got, plain).item<bool>());
  }
}

TEST_P(MimiParity, CodeOfNoEntry_IsCaughtByCheckCodes) {
  const TinyModel tiny(GetParam());
  const int size = tiny.mimi().config().codebook_size;
  const std::vector<std::int32_t> good{0, size - 1, 1, 0, 2, size - 1};
  tiny.mimi().check_codes(good, 3);
  for (const std::int32_t bad : {size, -1, 1 << 30}) {
    std::vector<std::int32_t> codes = good;
    codes[4] = bad;
    try {
      tiny.mimi().check_codes(codes, 3);
      ADD_FAILURE() << "accepted " << bad;
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      EXPECT_NE(std::string(error.what()).find("frame 1, codebook 1"),
                std::string::npos)
          << error.what();
    }
  }
}

INSTANTIATE_TEST_SUITE_P(Tiny, MimiParity, testing::ValuesIn(all_cases()),
                         [](const auto& which) {
                           return test_name(which.param);
                         });

}  // namespace
}  // namespace csm::parity
