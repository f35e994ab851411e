#include "csm/engine/random_model.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstring>
#include <filesystem>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/engine/engine.h"
#include "csm/model/model_config.h"
#include "csm/weights/weight_store.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;

EngineOptions tiny_options(int threads = 1) {
  EngineOptions options;
  options.random_weights = "tiny";
  options.threads = threads;
  options.timed = true;
  return options;
}

GenerationOptions endless(int n_frames) {
  GenerationOptions options;
  options.top_k = 20;
  options.stop_at_end = false;
  options.max_audio_ms = 80 * n_frames;
  return options;
}

template <class Action>
std::string message_of(ErrorCode code, Action&& action) {
  try {
    action();
  } catch (const Error& error) {
    EXPECT_EQ(to_string(error.code()), std::string(to_string(code)));
    return error.what();
  }
  ADD_FAILURE() << "no throw";
  return {};
}

TEST(RandomModel, SpeaksFiniteAudioAndVariedCodes) {
  constexpr int kFrames = 12;
  Engine engine(tiny_options());
  Session session = engine.start_tokens({1, 2, 3, 4}, endless(kFrames));
  std::vector<std::int32_t> codes;
  float loudest = 0;
  while (const auto frame = session.next()) {
    codes.insert(codes.end(), frame->codes.begin(), frame->codes.end());
    for (const float sample : frame->audio) {
      ASSERT_TRUE(std::isfinite(sample));
      loudest = std::max(loudest, std::abs(sample));
    }
  }
  EXPECT_EQ(session.n_frames(), kFrames);
  EXPECT_GT(loudest, 1e-4F);
  EXPECT_LT(loudest, 1e3F);
  std::sort(codes.begin(), codes.end());
  const auto last = std::unique(codes.begin(), codes.end());
  EXPECT_GT(last - codes.begin(), 10) << "different codes";
}

TEST(RandomModel, SameSpeechForAnyThreadCount) {
  std::vector<std::int32_t> expected;
  for (const int threads : {1, 2, 5}) {
    Engine engine(tiny_options(threads));
    EXPECT_EQ(engine.threads(), threads);
    Session session = engine.start_tokens({5, 6}, endless(4));
    std::vector<std::int32_t> codes;
    while (const auto frame = session.next()) {
      codes.insert(codes.end(), frame->codes.begin(), frame->codes.end());
    }
    if (expected.empty()) expected = codes;
    EXPECT_EQ(codes, expected) << threads << " threads";
  }
}

TEST(RandomModel, StagesAreTimedWithinTheFrame) {
  Engine engine(tiny_options());
  Session session = engine.start_tokens({5, 6}, endless(3));
  while (session.next()) {
    const FrameTimes& times = session.frame_times();
    for (const double part :
         {times.backbone, times.depth, times.sampler, times.codec}) {
      EXPECT_GT(part, 0);
    }
    EXPECT_GT(times.rest(), 0);
  }
  EngineOptions untimed = tiny_options();
  untimed.timed = false;
  Engine quiet(untimed);
  Session other = quiet.start_tokens({5, 6}, endless(1));
  ASSERT_TRUE(other.next());
  EXPECT_EQ(other.frame_times().backbone, 0);
}

TEST(RandomModel, SavedFolderHoldsTheSameValues) {
  const fs::path folder = fs::path(testing::TempDir()) / "csm-random-model";
  Engine engine(tiny_options());
  engine.save_random_model(folder);
  EXPECT_EQ(model::ModelConfig::load(folder).audio_vocab, 67);
  auto saved = weights::WeightStore::open({.model = folder});
  auto made = weights::WeightStore::random(0, nullptr);
  const auto same = [&](const char* name, const std::vector<int>& shape) {
    const auto a = saved.take(name, shape, mx::float32);
    const auto b = made.take(name, shape, mx::float32);
    return std::memcmp(a.data<float>(), b.data<float>(), a.nbytes()) == 0;
  };
  EXPECT_TRUE(same("bb.1.down", {64, 128}));
  EXPECT_TRUE(same("audio_head", {3, 64, 67}));
  EXPECT_TRUE(same("audio_emb", {4 * 67, 64}));
  EXPECT_TRUE(same("dd.audio_emb", {4 * 67, 64}));
  EXPECT_TRUE(same("codec.decoder.layers.0.conv.weight", {64, 64, 7}));
  fs::remove_all(folder);
}

TEST(RandomModel, RefusesWhatItCannotDo) {
  EXPECT_NE(message_of(ErrorCode::kInvalidArgument,
                       [] { (void)random_model_config("csm-2b"); })
                .find("csm-1b, demo, tiny"),
            std::string::npos);
  EXPECT_EQ(
      message_of(
          ErrorCode::kExhausted,
          [] { require_memory("csm-1b at bf16", 3500000000U, 2000000000U); }),
      "[engine.random_model] expected 3500 MB of free memory for csm-1b "
      "at bf16, got 2000 MB (random weights)");
  require_memory("csm-1b at bf16", 3500000000U, 3500000000U);
  require_memory("csm-1b at bf16", 3500000000U, std::nullopt);
  EngineOptions both = tiny_options();
  both.model_dir = "somewhere";
  (void)message_of(ErrorCode::kInvalidArgument, [&] { both.validate(); });

  Engine engine(tiny_options());
  (void)message_of(ErrorCode::kUnsupported, [&] {
    (void)engine.start({.speaker = 0, .text = "Hello."}, endless(1));
  });
  (void)message_of(ErrorCode::kInvalidArgument, [&] {
    (void)engine.start_tokens(std::vector<std::int32_t>{}, endless(1));
  });
  (void)message_of(ErrorCode::kInvalidArgument,
                   [&] { (void)engine.start_tokens({50}, endless(1)); });
  (void)message_of(ErrorCode::kInvalidArgument,
                   [&] { (void)engine.start_tokens({-1}, endless(1)); });
  (void)message_of(ErrorCode::kExhausted, [&] {
    (void)engine.start_tokens(std::vector<std::int32_t>(257, 1), endless(1));
  });
}

}  // namespace
}  // namespace csm::engine
