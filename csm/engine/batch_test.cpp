// Sessions that are computed together: each speaks, bit by bit, what it would
// speak alone.

#include <gtest/gtest.h>

#include <algorithm>
#include <cstdlib>
#include <span>
#include <string>
#include <vector>

#include "csm/base/cpu_info.h"
#include "csm/base/sha256.h"
#include "csm/engine/batch_testing.h"
#include "csm/engine/engine.h"

namespace csm::engine {
namespace {

using namespace testing_batch;

constexpr WeightType kTypes[] = {WeightType::kF32, WeightType::kBf16,
                                 WeightType::kInt8, WeightType::kInt4};

// All requests in one batch, each from its first step to its end.
std::vector<Spoken> speak_together(Engine& engine,
                                   const std::vector<Request>& all) {
  std::vector<Session> sessions;
  for (const Request& request : all) {
    sessions.push_back(engine.start_tokens(request.prompt, request.options));
  }
  std::vector<Spoken> spoken(all.size());
  constexpr int kSteps = 14;
  for (int step = 0; step < kSteps; ++step) {
    std::vector<Session*> batch;
    std::vector<std::size_t> places;
    for (std::size_t i = 0; i < all.size(); ++i) {
      if (step < all[i].first_step || step == all[i].idle_step) continue;
      batch.push_back(&sessions[i]);
      places.push_back(i);
    }
    const auto results = engine.step(batch);
    EXPECT_EQ(results.size(), batch.size());
    for (std::size_t i = 0; i < results.size(); ++i) {
      EXPECT_FALSE(results[i].error);
      if (results[i].frame) spoken[places[i]].add(*results[i].frame);
    }
  }
  for (std::size_t i = 0; i < all.size(); ++i) {
    EXPECT_EQ(sessions[i].stop_reason(), StopReason::kLength);
    spoken[i].n_changed = sessions[i].n_changed_codes();
  }
  return spoken;
}

class Batch : public testing::TestWithParam<WeightType> {};

TEST_P(Batch, AnySizeAndThreads_EachSpeaksAsAlone) {
  const std::vector<Request> all = requests(8);
  std::vector<Spoken> alone;
  for (const int threads : {1, 2}) {
    Engine engine(tiny_options(GetParam(), threads));
    for (const Request& request : all) {
      if (alone.size() == all.size()) break;
      alone.push_back(speak_alone(engine, request));
      ASSERT_FALSE(alone.back().codes.empty());
    }
    for (std::size_t n = 1; n <= all.size(); ++n) {
      const std::vector<Request> some(
          all.begin(), all.begin() + static_cast<std::ptrdiff_t>(n));
      const std::vector<Spoken> spoken = speak_together(engine, some);
      for (std::size_t i = 0; i < n; ++i) {
        EXPECT_EQ(spoken[i].codes, alone[i].codes)
            << i << " of " << n << ", " << threads << " threads";
        EXPECT_TRUE(spoken[i] == alone[i])
            << i << " of " << n << ", " << threads << " threads";
      }
    }
  }
  EXPECT_NE(alone[0].codes, alone[6].codes);
}

INSTANTIATE_TEST_SUITE_P(Types, Batch, testing::ValuesIn(kTypes),
                         [](const auto& which) {
                           return std::string(to_string(which.param));
                         });

// The graph that a GPU executes. MLX's matrix products depend on the number of
// rows in the last bit, so the sound is only close.
TEST(BatchComposed, EachSpeaksAsAlone) {
  EngineOptions options = tiny_options(WeightType::kF32, 1);
  options.composed = true;
  Engine engine(options);
  const std::vector<Request> all = requests(5);
  const std::vector<Spoken> spoken = speak_together(engine, all);
  for (std::size_t i = 0; i < all.size(); ++i) {
    const Spoken alone = speak_alone(engine, all[i]);
    EXPECT_EQ(spoken[i].codes, alone.codes) << i;
    ASSERT_EQ(spoken[i].audio.size(), alone.audio.size()) << i;
    for (std::size_t s = 0; s < alone.audio.size(); ++s) {
      ASSERT_NEAR(spoken[i].audio[s], alone.audio[s], 1e-4) << i;
    }
  }
}

// One digest of what eight sessions speak together, in all weight types.
std::string digest_of_batches() {
  std::string digests;
  for (const WeightType type : kTypes) {
    Engine engine(tiny_options(type, 2));
    for (const Spoken& spoken : speak_together(engine, requests(8))) {
      digests += sha256_hex(std::as_bytes(std::span(spoken.codes)));
      digests += sha256_hex(std::as_bytes(std::span(spoken.audio)));
    }
  }
  return sha256_hex(std::as_bytes(std::span(digests))).substr(0, 16);
}

// A child process runs this test from its begin, too; it finds the digest of
// the fastest instruction set in its environment.
TEST(BatchDeathTest, EveryInstructionSetSpeaksTheSame) {
  GTEST_FLAG_SET(death_test_style, "threadsafe");
  constexpr const char* kWanted = "CSM_TEST_DIGEST";
  if (std::getenv(kWanted) == nullptr) {
    setenv(kWanted, digest_of_batches().c_str(), 1);
  }
  for (const Isa isa : available_isas()) {
    EXPECT_EXIT(
        {
          setenv("CSM_ISA", to_string(isa), 1);
          std::exit(digest_of_batches() == std::getenv(kWanted) ? 0 : 1);
        },
        testing::ExitedWithCode(0), "")
        << to_string(isa);
  }
  unsetenv(kWanted);
}

TEST(BatchOfDemo, SpeechThatEndsByItselfLeavesTheOthers) {
  Engine engine(demo_options());
  const auto start = [&](int i) {
    constexpr const char* kTexts[] = {"Yes.", "Good morning, dear listener.",
                                      "Seven small boats came back."};
    GenerationOptions options;
    options.seed = static_cast<std::uint64_t>(i);
    options.max_audio_ms = 4000;
    return engine.start({.speaker = i % 2, .text = kTexts[i % 3]}, options);
  };
  constexpr int kSessions = 6;
  std::vector<Session> sessions;
  std::vector<Session*> batch;
  for (int i = 0; i < kSessions; ++i) sessions.push_back(start(i));
  for (Session& session : sessions) batch.push_back(&session);
  std::vector<Spoken> spoken(kSessions);
  const auto speaks = [](const Session* s) { return !s->stop_reason(); };
  while (std::any_of(batch.begin(), batch.end(), speaks)) {
    const auto results = engine.step(batch);
    for (std::size_t i = 0; i < results.size(); ++i) {
      if (results[i].frame) spoken[i].add(*results[i].frame);
    }
  }
  bool ended = false;
  for (int i = 0; i < kSessions; ++i) {
    Session alone = start(i);
    Spoken want;
    while (const auto frame = alone.next()) want.add(*frame);
    const auto at = static_cast<std::size_t>(i);
    EXPECT_TRUE(spoken[at] == want) << i;
    EXPECT_EQ(sessions[at].stop_reason(), alone.stop_reason());
    EXPECT_EQ(sessions[at].n_frames(), alone.n_frames());
    ended = ended || alone.stop_reason() == StopReason::kEos;
  }
  EXPECT_TRUE(ended) << "one of them at least";
}

}  // namespace
}  // namespace csm::engine
