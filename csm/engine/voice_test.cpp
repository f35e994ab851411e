#include "csm/engine/voice.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cstdint>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/engine/engine.h"
#include "csm/engine/engine_testing.h"
#include "csm/engine/voice_file.h"
#include "csm/weights/weights_testing.h"

namespace csm::engine {
namespace {

using testing::HasSubstr;
using testing_engine::speak_all;
using testing_engine::Speech;

EngineOptions demo_options() {
  EngineOptions options;
  options.model_dir = std::string(CSM_SOURCE_DIR) + "/models/demo";
  options.threads = 1;
  return options;
}

GenerationOptions seeded(std::uint64_t seed) {
  GenerationOptions options;
  options.seed = seed;
  options.max_audio_ms = 640;
  return options;
}

// Another digest.
void change(std::string& digest) { digest[0] = digest[0] == '0' ? '1' : '0'; }

// What is said in the voice, when the voice's segment comes first.
Speech say(Engine& engine, const Segment& voice) {
  Session session = engine.start({.speaker = 1, .text = "Good morning."},
                                 seeded(3), {&voice, 1});
  return speak_all(session);
}

// A voice of something that the model said, and what it says after it if it
// reads it all.
class VoiceTest : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    Engine engine(demo_options());
    const Utterance utterance = {.speaker = 1, .text = "This is my voice."};
    Session session = engine.start(utterance, seeded(1));
    const Segment segment = {.utterance = utterance,
                             .codes = speak_all(session).codes};
    expected_ = new Speech(say(engine, segment));
    voice_ = new Voice(engine.make_voice(segment));
  }
  static void TearDownTestSuite() {
    delete voice_;
    delete expected_;
  }

  // Adds the voice to a new engine, which must then speak as expected.
  static VoiceUse use(const Voice& voice) {
    Engine engine(demo_options());
    const VoiceUse use = engine.add_voice(voice);
    EXPECT_EQ(say(engine, voice.segment), *expected_);
    return use;
  }
  static void expect_reason(const Voice& voice, const std::string& why) {
    const VoiceUse used = use(voice);
    EXPECT_FALSE(used.from_cache);
    EXPECT_THAT(used.why_not, HasSubstr(why));
  }

  static Voice* voice_;
  static Speech* expected_;
};

Voice* VoiceTest::voice_ = nullptr;
Speech* VoiceTest::expected_ = nullptr;

TEST_F(VoiceTest, CacheSpeaksTheSameBits) {
  ASSERT_TRUE(voice_->cache);
  const VoiceUse used = use(*voice_);
  EXPECT_TRUE(used.from_cache);
  EXPECT_EQ(used.why_not, "");
}

TEST_F(VoiceTest, SoItDoesFromItsFile) {
  const weights::testing_support::ScratchFolder folder;
  write_voice(folder / "a.csmvoice", *voice_);
  EXPECT_TRUE(use(read_voice(folder / "a.csmvoice")).from_cache);
}

TEST_F(VoiceTest, WithoutCacheToo) {
  Voice voice = *voice_;
  voice.cache.reset();
  expect_reason(voice, "no cache");
}

TEST_F(VoiceTest, CacheOfAnythingElseIsNotUsed) {
  Voice weights = *voice_;
  change(weights.cache->key.weights_sha256);
  expect_reason(weights, "other weights");
  Voice type = *voice_;
  type.cache->key.weight_type = WeightType::kInt8;
  expect_reason(type, "dtype int8");
  Voice heads = *voice_;
  heads.cache->key.head_dim *= 2;
  expect_reason(heads, "other sizes");
  Voice prompt = *voice_;
  prompt.cache->rows.n_positions -= 1;
  expect_reason(prompt, "other sizes");
}

// Whatever a file claims: what the model does not compute is not used.
TEST_F(VoiceTest, CacheThatLiesIsNotUsed) {
  Voice first = *voice_;
  first.cache->rows.keys[0] += 0.5F;
  expect_reason(first, "other values than");
  Voice last = *voice_;
  last.cache->rows.values.back() += 0.5F;
  expect_reason(last, "other values than");
}

TEST_F(VoiceTest, OtherWeightTypeReadsItAnew) {
  EngineOptions options = demo_options();
  options.weight_type = WeightType::kBf16;
  Engine plain(options);
  Engine with_voice(options);
  const VoiceUse used = with_voice.add_voice(*voice_);
  EXPECT_FALSE(used.from_cache);
  EXPECT_THAT(used.why_not, HasSubstr("dtype f32, not bf16"));
  EXPECT_EQ(say(with_voice, voice_->segment), say(plain, voice_->segment));
}

TEST_F(VoiceTest, OtherCodecsVoicesAreRefused) {
  Engine engine(demo_options());
  const auto refusal = [&](const Voice& voice) -> std::string {
    try {
      (void)engine.add_voice(voice);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
      return error.what();
    }
    return "accepted";
  };
  Voice codec = *voice_;
  change(codec.codec_sha256);
  codec.origin = "some.csmvoice";
  EXPECT_THAT(refusal(codec), HasSubstr("codec"));
  EXPECT_THAT(refusal(codec), HasSubstr("some.csmvoice"));
  Voice codebooks = *voice_;
  codebooks.n_codebooks = 32;
  EXPECT_THAT(refusal(codebooks), HasSubstr("codebooks"));
  Voice codes = *voice_;
  codes.n_codec_codes = 2048;
  EXPECT_THAT(refusal(codes), HasSubstr("2048"));
  Segment bad = voice_->segment;
  bad.codes[0] = engine.facts().n_codec_codes;
  EXPECT_THROW((void)engine.make_voice(bad), Error);
}

// A session that starts behind a voice, beside one that does not.
TEST_F(VoiceTest, SharesStepsWithOtherSessions) {
  Engine engine(demo_options());
  (void)engine.add_voice(*voice_);
  Session voiced = engine.start({.speaker = 1, .text = "Good morning."},
                                seeded(3), {&voice_->segment, 1});
  Session plain = engine.start({.speaker = 0, .text = "Hello."}, seeded(9));
  Session alone = engine.start({.speaker = 0, .text = "Hello."}, seeded(9));
  Speech together;
  Speech other;
  for (Session* sessions[] = {&plain, &voiced};;) {
    const auto results = engine.step(sessions);
    if (results[0].frame) other.add(*results[0].frame);
    if (results[1].frame) together.add(*results[1].frame);
    if (!results[0].frame && !results[1].frame) break;
  }
  EXPECT_EQ(together, *expected_);
  EXPECT_EQ(other, speak_all(alone));
}

}  // namespace
}  // namespace csm::engine
