#include "csm/audio/audio_reader.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdint>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "csm/audio/audio_file.h"
#include "csm/audio/resampled_reader.h"
#include "csm/base/error.h"
#include "csm/base/scratch_folder_testing.h"

namespace csm::audio {
namespace {

namespace fs = std::filesystem;
using testing::HasSubstr;
using Samples = std::vector<float>;

void append(std::string& out, std::uint32_t value, int n_bytes) {
  for (int i = 0; i < n_bytes; ++i) {
    out += static_cast<char>((value >> (8 * i)) & 0xFFU);
  }
}

/// The header of a 16-bit WAV that claims n_bytes of sound.
std::string wav_header(int n_channels, int rate, std::uint32_t n_bytes) {
  const auto channels = static_cast<std::uint32_t>(n_channels);
  const auto hz = static_cast<std::uint32_t>(rate);
  std::string out = "RIFF";
  append(out, n_bytes + 36, 4);
  out += "WAVEfmt ";
  append(out, 16, 4);
  append(out, 1, 2);
  append(out, channels, 2);
  append(out, hz, 4);
  append(out, hz * channels * 2, 4);
  append(out, channels * 2, 2);
  append(out, 16, 2);
  out += "data";
  append(out, n_bytes, 4);
  return out;
}

Samples ramp(std::size_t n) {
  Samples out;
  for (std::size_t i = 0; i < n; ++i) {
    out.push_back(static_cast<float>(i % 1000) / 1024.0F);
  }
  return out;
}

Samples read_blocks(AudioReader& reader) {
  Samples all;
  for (auto block = reader.read(); !block.empty(); block = reader.read()) {
    all.insert(all.end(), block.begin(), block.end());
  }
  return all;
}

class AudioReaderTest : public testing::Test {
 protected:
  [[nodiscard]] fs::path file(const std::string& name,
                              const std::string& bytes) const {
    std::ofstream(folder_ / name, std::ios::binary) << bytes;
    return folder_ / name;
  }

  /// What reading all of a file says.
  [[nodiscard]] static std::string refusal(const fs::path& path,
                                           ErrorCode code) {
    try {
      AudioReader reader(path);
      (void)read_blocks(reader);
    } catch (const Error& error) {
      EXPECT_EQ(error.code(), code) << error.what();
      EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      EXPECT_THAT(error.what(), HasSubstr("[audio.read] expected "));
      EXPECT_THAT(error.what(),
                  HasSubstr(path == "-" ? "standard input" : path.string()));
      return error.what();
    }
    ADD_FAILURE() << "accepted " << path;
    return {};
  }

  csm::testing_support::ScratchFolder folder_;
};

/// Makes a file standard input as long as it lives.
class StandardInput {
 public:
  explicit StandardInput(const fs::path& path) : saved_(::dup(STDIN_FILENO)) {
    const int fd = ::open(path.c_str(), O_RDONLY);
    ::dup2(fd, STDIN_FILENO);
    ::close(fd);
  }
  ~StandardInput() {
    ::dup2(saved_, STDIN_FILENO);
    ::close(saved_);
  }
  StandardInput(const StandardInput&) = delete;
  StandardInput& operator=(const StandardInput&) = delete;

 private:
  int saved_;
};

TEST_F(AudioReaderTest, Blocks_AreTheWholeFile) {
  const Samples samples = ramp(50001);
  const fs::path path = folder_ / "a.flac";
  (void)write_audio(path, samples, 16000, AudioFormat::kFlac);
  AudioReader reader(path);
  EXPECT_EQ(reader.sample_rate(), 16000);
  EXPECT_EQ(reader.n_channels(), 1);
  const Samples got = read_blocks(reader);
  EXPECT_EQ(got, read_audio(path).samples);
  EXPECT_EQ(got.size(), samples.size());
  EXPECT_TRUE(reader.read().empty());
}

TEST_F(AudioReaderTest, StandardInput_OfAnyFormat) {
  for (const AudioFormat format : {AudioFormat::kWav, AudioFormat::kFlac,
                                   AudioFormat::kOgg, AudioFormat::kMp3}) {
    const fs::path path = folder_ / "input";
    (void)write_audio(path, ramp(30000), 24000, format);
    const StandardInput input(path);
    AudioReader reader("-");
    EXPECT_EQ(read_blocks(reader), read_audio(path).samples)
        << to_string(format);
  }
  const StandardInput nothing("/dev/null");
  EXPECT_NE(refusal("-", ErrorCode::kCorrupt), "");
}

// However much is missing, if only a byte.
TEST_F(AudioReaderTest, CutFiles_AreNotTakenForWholeOnes) {
  for (const AudioFormat format : {AudioFormat::kWav, AudioFormat::kFlac,
                                   AudioFormat::kOgg, AudioFormat::kMp3}) {
    const fs::path path = folder_ / "cut";
    (void)write_audio(path, ramp(60000), 24000, format);
    const std::uintmax_t whole = fs::file_size(path);
    for (const std::uintmax_t size :
         {whole - 1, whole - 100, whole * 9 / 10, whole * 2 / 3, whole / 3}) {
      fs::resize_file(path, size);
      EXPECT_THAT(refusal(path, ErrorCode::kCorrupt),
                  HasSubstr("a whole sound file"))
          << to_string(format) << ", " << size << " of " << whole;
    }
  }
}

// MP3 files of constant rate may have no header with their length.
TEST_F(AudioReaderTest, Mp3WithoutLength_EndsWithAFrame) {
  const fs::path path = folder_ / "whole.mp3";
  (void)write_audio(path, ramp(60000), 24000, AudioFormat::kMp3);
  std::ifstream in(path, std::ios::binary);
  const std::string bytes((std::istreambuf_iterator<char>(in)), {});
  const auto sound = bytes.substr(bytes.find(bytes.substr(0, 2), 4));
  ASSERT_GT(sound.size(), bytes.size() / 2);
  AudioReader reader(file("frames.mp3", sound));
  EXPECT_GT(read_blocks(reader).size(), 50000U);
  AudioReader tagged(file("tagged.mp3", sound + "TAG" + std::string(125, ' ')));
  EXPECT_GT(read_blocks(tagged).size(), 50000U);
  EXPECT_THAT(refusal(file("cut.mp3", sound.substr(0, sound.size() - 7)),
                      ErrorCode::kCorrupt),
              HasSubstr("ends 7 bytes before its end"));
}

TEST_F(AudioReaderTest, WavOfOpenLength_EndsWithTheFile) {
  for (const std::uint32_t open : {0xFFFFFFFFU, 0x7FFFFFFFU}) {
    std::string bytes = wav_header(1, 24000, 0);
    bytes.replace(40, 4, std::string(4, '\0'));
    for (std::size_t i = 0; i < 4; ++i) {
      bytes[40 + i] = static_cast<char>((open >> (8 * i)) & 0xFFU);
    }
    AudioReader reader(file("open.wav", bytes + std::string(2000, '\x10')));
    EXPECT_EQ(read_blocks(reader).size(), 1000U);
  }
}

TEST_F(AudioReaderTest, ChunksBeforeTheSound_ArePassedOver) {
  std::string bytes = wav_header(1, 24000, 200);
  bytes.insert(36, std::string("LIST\x03\x00\x00\x00xyz\x00", 12));
  bytes += std::string(200, '\x10');
  AudioReader reader(file("list.wav", bytes));
  EXPECT_EQ(read_blocks(reader).size(), 100U);
  EXPECT_THAT(refusal(file("list.wav", bytes.substr(0, bytes.size() - 10)),
                      ErrorCode::kCorrupt),
              HasSubstr("ends 10 bytes before its end"));
}

TEST_F(AudioReaderTest, SixChannelsAt96kHz_BecomeMonoAt24kHz) {
  constexpr int kFrames = 9600;
  std::string bytes = wav_header(6, 96000, kFrames * 12);
  for (int i = 0; i < kFrames; ++i) {
    for (int channel = 0; channel < 6; ++channel) {
      append(bytes, channel < 3 ? 0x4000U : 0U, 2);
    }
  }
  const fs::path path = file("six.wav", bytes);
  ResampledReader reader(path, 24000);
  EXPECT_EQ(reader.source().n_channels(), 6);
  EXPECT_EQ(reader.source().sample_rate(), 96000);
  const Samples got = read_audio_at(path, 24000);
  ASSERT_NEAR(static_cast<double>(got.size()), 2400, 2);
  for (std::size_t i = 600; i < 1800; ++i) ASSERT_NEAR(got[i], 0.25F, 1e-6F);
}

TEST_F(AudioReaderTest, EightKHz_HasThreeTimesTheSamples) {
  const fs::path path = folder_ / "eight.wav";
  (void)write_audio(path, ramp(8000), 8000, AudioFormat::kWav);
  EXPECT_NEAR(static_cast<double>(read_audio_at(path, 24000).size()), 24000, 2);
}

// A sparse file: two hours that take no room.
TEST_F(AudioReaderTest, TwoHours_AreReadInBlocksOnly) {
  constexpr std::uint32_t kSamples = 2 * 3600 * 8000;
  const fs::path path = file("long.wav", wav_header(1, 8000, 2 * kSamples));
  fs::resize_file(path, 44 + 2 * std::uintmax_t{kSamples});
  AudioReader reader(path);
  std::size_t n = 0;
  std::size_t largest = 0;
  for (auto block = reader.read(); !block.empty(); block = reader.read()) {
    n += block.size();
    largest = std::max(largest, block.size());
  }
  EXPECT_EQ(n, kSamples);
  EXPECT_LE(largest, 16384U);
  try {
    (void)read_audio(path);
    ADD_FAILURE() << "read two hours at once";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kExhausted);
  }
}

TEST_F(AudioReaderTest, NoSound_IsRefused) {
  EXPECT_THAT(
      refusal(file("none.wav", wav_header(1, 24000, 0)), ErrorCode::kCorrupt),
      HasSubstr("at least one sample"));
  EXPECT_NE(
      refusal(file("text.wav", "no sound at all, only words, many of them"),
              ErrorCode::kCorrupt),
      "");
  EXPECT_NE(refusal(folder_ / "absent.wav", ErrorCode::kNotFound), "");
  EXPECT_NE(refusal(folder_.path(), ErrorCode::kInvalidArgument), "");
}

}  // namespace
}  // namespace csm::audio
