// Whole generations of the demo model against transformers' `generate`:
// fixtures of tools/oracle/demo_goldens.py.

#include <gtest/gtest.h>

#include <cmath>
#include <cstdint>
#include <filesystem>
#include <memory>
#include <string>
#include <vector>

#include "csm/base/json.h"
#include "csm/base/mapped_file.h"
#include "csm/base/sha256.h"
#include "csm/engine/engine.h"
#include "csm/weights/npy.h"

namespace csm::engine {
namespace {

constexpr int kMaxAudioMs = 125 * 80;
constexpr float kLogitTolerance = 2e-4F;
constexpr float kAudioTolerance = 1e-4F;

const std::filesystem::path kRoot = CSM_SOURCE_DIR;

struct Run {
  Utterance utterance;
  std::uint64_t seed = 0;
  std::vector<std::int32_t> codes;  // [n_frames, K]
};

class DemoGoldens : public testing::Test {
 protected:
  static void SetUpTestSuite() {
    json_ = parse_json_file(kRoot / "tests" / "data" / "demo_generate.json");
    EngineOptions options;
    options.model_dir = kRoot / "models" / "demo";
    engine_ = std::make_unique<Engine>(options);
  }
  static void TearDownTestSuite() { engine_.reset(); }

  static std::vector<Run> runs() {
    std::vector<Run> runs;
    for (const Json& entry : json_.at("runs")) {
      Run run = {.utterance = {.speaker = entry.at("speaker").get<int>(),
                               .text = entry.at("text").get<std::string>()},
                 .seed = entry.at("seed").get<std::uint64_t>(),
                 .codes = {}};
      for (const Json& frame : entry.at("codes")) {
        const auto codes = frame.get<std::vector<std::int32_t>>();
        run.codes.insert(run.codes.end(), codes.begin(), codes.end());
      }
      runs.push_back(std::move(run));
    }
    return runs;
  }

  static std::vector<std::int32_t> generate(const Run& run,
                                            GenerationOptions options) {
    options.seed = run.seed;
    options.max_audio_ms = kMaxAudioMs;
    Session session = engine_->start(run.utterance, options);
    std::vector<std::int32_t> codes;
    while (const auto frame = session.next()) {
      codes.insert(codes.end(), frame->codes.begin(), frame->codes.end());
    }
    return codes;
  }

  static Json json_;
  static std::unique_ptr<Engine> engine_;
};

Json DemoGoldens::json_;
std::unique_ptr<Engine> DemoGoldens::engine_;

TEST_F(DemoGoldens, BelongToTheseWeights) {
  const MappedFile file(kRoot / "models" / "demo" / "model.safetensors");
  EXPECT_EQ(json_.at("weights_sha256"), sha256_hex(file.bytes()));
}

TEST_F(DemoGoldens, EveryGenerationEqualsTransformers) {
  const auto all = runs();
  ASSERT_EQ(all.size(), 100U);
  for (const Run& run : all) {
    ASSERT_FALSE(run.codes.empty());
    EXPECT_EQ(generate(run, {}), run.codes)
        << "'" << run.utterance.text << "' seed " << run.seed;
  }
}

TEST_F(DemoGoldens, LogitsAreClose) {
  const auto want =
      weights::read_npy_f32(kRoot / "tests" / "data" / "demo_logits.npy");
  const Run first = runs().front();
  const auto got = engine_->score(first.utterance, first.codes);
  ASSERT_GE(got.size(), want.data.size());
  for (std::size_t i = 0; i < want.data.size(); ++i) {
    ASSERT_NEAR(got[i], want.data[i], kLogitTolerance) << i;
  }
}

TEST_F(DemoGoldens, AudioIsClose) {
  const auto want =
      weights::read_npy_f32(kRoot / "tests" / "data" / "demo_audio.npy");
  const auto got = engine_->decode(runs().front().codes);
  ASSERT_EQ(got.size(), want.data.size());
  for (std::size_t i = 0; i < want.data.size(); ++i) {
    ASSERT_NEAR(got[i], want.data[i], kAudioTolerance) << i;
  }
}

}  // namespace
}  // namespace csm::engine
