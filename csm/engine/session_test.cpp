#include "csm/engine/session.h"

#include <gtest/gtest.h>

#include <iterator>
#include <thread>
#include <vector>

#include "csm/engine/engine.h"
#include "csm/engine/engine_testing.h"

namespace csm::engine {
namespace {

using testing_engine::speak_all;
using testing_engine::Speech;

static_assert(std::input_iterator<FrameIterator>);
static_assert(std::sentinel_for<std::default_sentinel_t, FrameIterator>);

class SessionTest : public testing::Test {
 protected:
  static Engine& engine() {
    static Engine engine({.model_dir = CSM_SOURCE_DIR "/models/demo"});
    return engine;
  }
  static Session start(int max_audio_ms = 800) {
    return engine().start({.speaker = 1, .text = "Good morning to you."},
                          {.seed = 5, .max_audio_ms = max_audio_ms});
  }
};

TEST_F(SessionTest, RangeFor_GivesTheFramesOfNext) {
  Session pulled = start();
  const Speech expected = speak_all(pulled);
  Session session = start();
  Speech speech;
  for (const Frame& frame : session) {
    speech.add(frame);
    // A frame is computed when it is asked for.
    EXPECT_EQ(
        speech.codes.size(),
        frame.codes.size() * static_cast<std::size_t>(session.n_frames()));
  }
  EXPECT_EQ(speech, expected);
  EXPECT_EQ(session.stop_reason(), pulled.stop_reason());
}

TEST_F(SessionTest, Run_HandsOnEveryFrame) {
  Session pulled = start();
  const Speech expected = speak_all(pulled);
  Speech speech;
  Session session = start();
  const StopReason reason = session.run([&](const Frame& frame) {
    speech.add(frame);
    return true;
  });
  EXPECT_EQ(speech, expected);
  EXPECT_EQ(reason, pulled.stop_reason());
}

TEST_F(SessionTest, Run_EndsWhenTheCallbackHasEnough) {
  Session session = start();
  int n_frames = 0;
  const StopReason reason =
      session.run([&](const Frame&) { return ++n_frames < 3; });
  EXPECT_EQ(reason, StopReason::kCancelled);
  EXPECT_EQ(n_frames, 3);
  EXPECT_EQ(session.n_frames(), 3);
}

TEST_F(SessionTest, CancelFromAnotherThread_EndsAtTheNextFrame) {
  Session session = start(90000);
  Speech speech;
  for (const Frame& frame : session) {
    speech.add(frame);
    if (session.n_frames() == 2) {
      std::thread([&session] { session.cancel(); }).join();
    }
  }
  EXPECT_EQ(session.stop_reason(), StopReason::kCancelled);
  EXPECT_EQ(session.n_frames(), 2);
  Session whole = start(160);
  EXPECT_EQ(speech, speak_all(whole));
}

TEST_F(SessionTest, CancelBeforeTheFirstFrame_GivesNone) {
  Session session = start();
  session.cancel();
  for (const Frame& frame : session) FAIL() << frame.codes.size();
  EXPECT_EQ(session.stop_reason(), StopReason::kCancelled);
}

}  // namespace
}  // namespace csm::engine
