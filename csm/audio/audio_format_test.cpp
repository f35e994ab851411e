#include "csm/audio/audio_format.h"

#include <gtest/gtest.h>

#include <string>

#include "csm/base/error.h"

namespace csm::audio {
namespace {

TEST(FormatFromPath, KnownExtensions_AreFoundInAnyCase) {
  EXPECT_EQ(format_from_path("a.wav"), AudioFormat::kWav);
  EXPECT_EQ(format_from_path("dir.mp3/a.b.FLAC"), AudioFormat::kFlac);
  EXPECT_EQ(format_from_path("/x/speech.Ogg"), AudioFormat::kOgg);
  EXPECT_EQ(format_from_path("speech.mp3"), AudioFormat::kMp3);
  EXPECT_EQ(format_from_path("speech.opus"), AudioFormat::kOpus);
  EXPECT_EQ(format_from_path("speech.pcm"), AudioFormat::kPcm);
  EXPECT_EQ(format_from_path("-"), AudioFormat::kWav);
}

TEST(FormatFromPath, OtherNames_InvalidArgument) {
  for (const std::string path :
       {"speech", "speech.", ".wav", "speech.aac", "a.wav/b", ""}) {
    EXPECT_THROW((void)format_from_path(path), Error) << path;
  }
  try {
    (void)format_from_path("out/speech.aac");
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_EQ(std::string(error.what()),
              "[audio.format] expected a file name ending in .wav, .flac, "
              ".ogg, .mp3, .opus or .pcm, got \"out/speech.aac\"");
  }
}

TEST(ParseAudioFormat, Names_RoundTrip) {
  for (const AudioFormat format :
       {AudioFormat::kWav, AudioFormat::kFlac, AudioFormat::kOgg,
        AudioFormat::kMp3, AudioFormat::kOpus, AudioFormat::kPcm}) {
    EXPECT_EQ(parse_audio_format(to_string(format)), format);
  }
  EXPECT_THROW((void)parse_audio_format("aac"), Error);
}

}  // namespace
}  // namespace csm::audio
