#include "csm/engine/voice_file.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <filesystem>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "csm/base/error.h"
#include "csm/weights/safetensors_writer.h"
#include "csm/weights/weights_testing.h"

namespace csm::engine {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using weights::testing_support::read_file;
using weights::testing_support::ScratchFolder;
using weights::testing_support::write_file;

// Two frames of three codebooks, and a cache of two layers.
Voice small_voice() {
  Voice voice;
  voice.segment.utterance.speaker = 7;
  voice.segment.utterance.text = "Grüß dich.\n";
  voice.segment.codes = {0, 1, 2, 3, 4, 9};
  voice.n_codebooks = 3;
  voice.n_codec_codes = 10;
  voice.codec_sha256 = std::string(64, 'c');
  VoiceCache cache;
  cache.key.weights_sha256 = std::string(64, 'a');
  cache.key.weight_type = WeightType::kInt8;
  cache.key.n_layers = 2;
  cache.key.n_kv_heads = 1;
  cache.key.head_dim = 2;
  cache.rows.n_positions = 3;
  for (int i = 0; i < 12; ++i) {
    cache.rows.keys.push_back(static_cast<float>(i) / 3);
    cache.rows.values.push_back(-static_cast<float>(i) / 7);
  }
  voice.cache = cache;
  return voice;
}

void expect_same(const Voice& got, const Voice& want) {
  EXPECT_EQ(got.segment.utterance.text, want.segment.utterance.text);
  EXPECT_EQ(got.segment.utterance.speaker, want.segment.utterance.speaker);
  EXPECT_EQ(got.segment.codes, want.segment.codes);
  EXPECT_EQ(got.n_codebooks, want.n_codebooks);
  EXPECT_EQ(got.n_codec_codes, want.n_codec_codes);
  EXPECT_EQ(got.codec_sha256, want.codec_sha256);
  EXPECT_EQ(got.cache, want.cache);
}

// What reading a file says is wrong with it.
std::string refusal(const fs::path& path, ErrorCode code) {
  try {
    (void)read_voice(path);
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), code) << error.what();
    return error.what();
  }
  return "accepted";
}

TEST(VoiceFile, ComesBackAsItWas) {
  const ScratchFolder folder;
  const fs::path path = folder / "a.csmvoice";
  const Voice voice = small_voice();
  write_voice(path, voice);
  const Voice with_cache = read_voice(path);
  expect_same(with_cache, voice);
  EXPECT_EQ(with_cache.origin, path.string());
  EXPECT_EQ(with_cache.n_frames(), 2);

  Voice plain = voice;
  plain.cache.reset();
  write_voice(path, plain);
  expect_same(read_voice(path), plain);
}

TEST(VoiceFile, AnyChangedByteIsRefused) {
  const ScratchFolder folder;
  write_voice(folder / "a.csmvoice", small_voice());
  const std::string good = read_file(folder / "a.csmvoice");
  ASSERT_LT(good.size(), 4096U);
  for (std::size_t i = 0; i < good.size(); ++i) {
    std::string bad = good;
    bad[i] = static_cast<char>(bad[i] ^ 1);
    write_file(folder / "bad.csmvoice", bad);
    EXPECT_THROW((void)read_voice(folder / "bad.csmvoice"), Error) << i;
  }
}

TEST(VoiceFile, AnyShorterFileIsRefused) {
  const ScratchFolder folder;
  write_voice(folder / "a.csmvoice", small_voice());
  const std::string good = read_file(folder / "a.csmvoice");
  for (std::size_t n = 0; n < good.size(); n += 7) {
    write_file(folder / "bad.csmvoice", good.substr(0, n));
    EXPECT_THROW((void)read_voice(folder / "bad.csmvoice"), Error) << n;
  }
  write_file(folder / "bad.csmvoice", good + "x");
  EXPECT_THROW((void)read_voice(folder / "bad.csmvoice"), Error);
}

// Files that are whole, but say what cannot be.
TEST(VoiceFile, EveryFieldIsChecked) {
  struct Case {
    const char* field;
    std::function<void(Voice&)> change;
  };
  const std::vector<Case> cases = {
      {"text", [](Voice& v) { v.segment.utterance.text.clear(); }},
      {"text",
       [](Voice& v) { v.segment.utterance.text = std::string(70000, 'a'); }},
      {"speaker", [](Voice& v) { v.segment.utterance.speaker = -1; }},
      {"codebook_size", [](Voice& v) { v.n_codec_codes = 0; }},
      {"codebook_size", [](Voice& v) { v.n_codec_codes = 1 << 20; }},
      {"codes", [](Voice& v) { v.segment.codes[5] = 10; }},
      {"codes", [](Voice& v) { v.segment.codes[0] = -1; }},
      {"codes", [](Voice& v) { v.segment.codes.clear(); }},
      {"codes", [](Voice& v) { v.segment.codes.resize(3 * 65537); }},
      {"codec_sha256", [](Voice& v) { v.codec_sha256 = "0123"; }},
      {"codec_sha256", [](Voice& v) { v.codec_sha256[63] = 'C'; }},
      {"weights_sha256",
       [](Voice& v) { v.cache->key.weights_sha256 = "none"; }},
      {"keys", [](Voice& v) { v.cache->rows.keys[5] = INFINITY; }},
      {"values", [](Voice& v) { v.cache->rows.values[0] = NAN; }},
  };
  const ScratchFolder folder;
  const fs::path path = folder / "bad.csmvoice";
  for (const Case& one : cases) {
    Voice voice = small_voice();
    one.change(voice);
    write_voice(path, voice);
    const std::string said = refusal(path, ErrorCode::kCorrupt);
    EXPECT_THAT(said, HasSubstr(std::string("bad.csmvoice, ") + one.field));
  }
}

TEST(VoiceFile, OtherFilesAndVersionsAreRefused) {
  const ScratchFolder folder;
  const fs::path path = folder / "other.csmvoice";
  const auto write = [&](const std::map<std::string, std::string>& metadata) {
    weights::SafetensorsWriter writer(path, {}, metadata);
    writer.finish();
  };
  write({});
  EXPECT_THAT(refusal(path, ErrorCode::kCorrupt), HasSubstr("format"));
  write({{"format", "pt"}});
  EXPECT_THAT(refusal(path, ErrorCode::kCorrupt), HasSubstr("voice pack"));
  write({{"format", "csm-voice-2"}});
  EXPECT_THAT(refusal(path, ErrorCode::kUnsupported), HasSubstr("csm-voice-1"));
  write({{"format", "csm-voice-1"}, {"mood", "good"}});
  EXPECT_THAT(refusal(path, ErrorCode::kCorrupt), HasSubstr("mood"));
  EXPECT_THAT(refusal(folder / "none", ErrorCode::kNotFound),
              HasSubstr("none"));
}

}  // namespace
}  // namespace csm::engine
