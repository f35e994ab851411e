// What ends one session of a batch does not touch the others.

#include <gtest/gtest.h>

#include <utility>
#include <vector>

#include "csm/base/error.h"
#include "csm/engine/batch_testing.h"
#include "csm/engine/engine.h"

namespace csm::engine {
namespace {

using namespace testing_batch;

TEST(BatchErrors, CancelledAndFullSessionsLeaveTheOthers) {
  Engine engine(tiny_options(WeightType::kF32, 1));
  std::vector<Request> all = requests(3);
  all[1].options.max_audio_ms = 160;
  const Spoken alone = speak_alone(engine, all[0]);
  std::vector<Session> sessions;
  for (const Request& request : all) {
    sessions.push_back(engine.start_tokens(request.prompt, request.options));
  }
  const std::vector<Session*> batch = {&sessions[0], &sessions[1],
                                       &sessions[2]};
  Spoken spoken;
  for (int step = 0; !sessions[0].stop_reason(); ++step) {
    if (step == 1) sessions[2].cancel();
    const auto results = engine.step(batch);
    if (results[0].frame) spoken.add(*results[0].frame);
    EXPECT_EQ(results[1].frame.has_value(), step < 2);
    EXPECT_EQ(results[2].frame.has_value(), step < 1);
    for (const auto& result : results) EXPECT_FALSE(result.error);
  }
  spoken.n_changed = sessions[0].n_changed_codes();
  EXPECT_TRUE(spoken == alone);
  EXPECT_EQ(sessions[1].stop_reason(), StopReason::kLength);
  EXPECT_EQ(sessions[2].stop_reason(), StopReason::kCancelled);
}

TEST(BatchErrors, FailureOfOneSessionLeavesTheOthers) {
  Engine engine(tiny_options(WeightType::kF32, 1));
  const Request request = requests(1)[0];
  GenerationOptions hopeless = request.options;
  hopeless.temperature = 1e-40F;  // logits become infinite
  const Spoken alone = speak_alone(engine, request);
  Session good = engine.start_tokens(request.prompt, request.options);
  Session bad = engine.start_tokens(request.prompt, hopeless);
  const std::vector<Session*> batch = {&bad, &good};
  Spoken spoken;
  int n_errors = 0;
  while (!good.stop_reason()) {
    const auto results = engine.step(batch);
    if (results[1].frame) spoken.add(*results[1].frame);
    EXPECT_FALSE(results[0].frame);
    EXPECT_FALSE(results[1].error);
    if (!results[0].error) continue;
    ++n_errors;
    EXPECT_EQ(results[0].error->code(), ErrorCode::kBackend);
    EXPECT_STREQ(results[0].error->what(),
                 "[engine.session] frame 0: expected finite logits, got others "
                 "(codebook 0)");
  }
  spoken.n_changed = good.n_changed_codes();
  EXPECT_TRUE(spoken == alone);
  EXPECT_EQ(n_errors, 1);
  EXPECT_EQ(bad.stop_reason(), StopReason::kFailed);
  EXPECT_EQ(bad.n_frames(), 0);
  EXPECT_FALSE(bad.next());
}

TEST(BatchErrors, StrangeSessionsAreRefusedAndNothingChanges) {
  Engine engine(tiny_options(WeightType::kF32, 1));
  Engine other(tiny_options(WeightType::kF32, 1));
  const Request request = requests(1)[0];
  const auto start = [&](Engine& at) {
    return at.start_tokens(request.prompt, request.options);
  };
  Session mine = start(engine);
  Session foreign = start(other);
  Session moved = start(engine);
  const Session taken = std::move(moved);
  const auto refused = [&](const std::vector<Session*>& batch) {
    try {
      (void)engine.step(batch);
      return false;
    } catch (const Error& error) {
      return error.code() == ErrorCode::kInvalidArgument;
    }
  };
  EXPECT_TRUE(refused({&mine, nullptr}));
  EXPECT_TRUE(refused({&mine, &foreign}));
  EXPECT_TRUE(refused({&mine, &mine}));
  EXPECT_TRUE(refused({&mine, &moved}));
  EXPECT_EQ(mine.n_frames(), 0);
  EXPECT_TRUE(engine.step({}).empty());
  Spoken spoken;
  while (const auto frame = mine.next()) spoken.add(*frame);
  spoken.n_changed = mine.n_changed_codes();
  EXPECT_TRUE(spoken == speak_alone(engine, request));
}

}  // namespace
}  // namespace csm::engine
