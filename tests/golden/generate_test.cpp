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

struct Golden {
  Utterance utterance;
  std::uint64_t seed = 0;
  std::vector<std::int32_t> codes;  // [n_frames, K]
};

const Json& goldens() {
  static const Json json =
      parse_json_file(kRoot / "tests" / "data" / "demo_generate.json");
  return json;
}

Engine& demo_engine() {
  static const std::unique_ptr<Engine> engine = [] {
    EngineOptions options;
    options.model_dir = kRoot / "models" / "demo";
    options.encoder = true;
    return std::make_unique<Engine>(options);
  }();
  return *engine;
}

std::vector<Golden> all_goldens() {
  std::vector<Golden> all;
  for (const Json& entry : goldens().at("runs")) {
    Golden golden = {.utterance = {.speaker = entry.at("speaker").get<int>(),
                                   .text = entry.at("text").get<std::string>()},
                     .seed = entry.at("seed").get<std::uint64_t>(),
                     .codes = {}};
    for (const Json& frame : entry.at("codes")) {
      const auto codes = frame.get<std::vector<std::int32_t>>();
      golden.codes.insert(golden.codes.end(), codes.begin(), codes.end());
    }
    all.push_back(std::move(golden));
  }
  return all;
}

std::vector<std::int32_t> generate(const Golden& golden) {
  GenerationOptions options;
  options.seed = golden.seed;
  options.max_audio_ms = kMaxAudioMs;
  Session session = demo_engine().start(golden.utterance, options);
  std::vector<std::int32_t> codes;
  while (const auto frame = session.next()) {
    codes.insert(codes.end(), frame->codes.begin(), frame->codes.end());
  }
  return codes;
}

TEST(DemoGoldens, BelongToTheseWeights) {
  const MappedFile file(kRoot / "models" / "demo" / "model.safetensors");
  EXPECT_EQ(goldens().at("weights_sha256"), sha256_hex(file.bytes()));
}

TEST(DemoGoldens, EveryGenerationEqualsTransformers) {
  const auto all = all_goldens();
  ASSERT_EQ(all.size(), 100U);
  for (const Golden& golden : all) {
    ASSERT_FALSE(golden.codes.empty());
    EXPECT_EQ(generate(golden), golden.codes)
        << "'" << golden.utterance.text << "' seed " << golden.seed;
  }
}

TEST(DemoGoldens, LogitsAreClose) {
  const auto want =
      weights::read_npy_f32(kRoot / "tests" / "data" / "demo_logits.npy");
  const Golden first = all_goldens().front();
  const auto got = demo_engine().score(first.utterance, first.codes);
  ASSERT_GE(got.size(), want.data.size());
  for (std::size_t i = 0; i < want.data.size(); ++i) {
    ASSERT_NEAR(got[i], want.data[i], kLogitTolerance) << i;
  }
}

TEST(DemoGoldens, AudioIsClose) {
  const auto want =
      weights::read_npy_f32(kRoot / "tests" / "data" / "demo_audio.npy");
  const auto got = demo_engine().decode(all_goldens().front().codes);
  ASSERT_EQ(got.size(), want.data.size());
  for (std::size_t i = 0; i < want.data.size(); ++i) {
    ASSERT_NEAR(got[i], want.data[i], kAudioTolerance) << i;
  }
}

TEST(DemoGoldens, EncodedAudioIsTransformers) {
  auto audio =
      weights::read_npy_f32(kRoot / "tests" / "data" / "demo_audio.npy").data;
  const auto want =
      weights::read_npy_i32(kRoot / "tests" / "data" / "demo_encode.npy");
  audio.resize(audio.size() - 700);
  EXPECT_EQ(demo_engine().encode(audio), want.data);
}

}  // namespace
}  // namespace csm::engine
