#include "csm/audio/audio_file.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <csignal>
#include <cstdio>
#include <cstring>
#include <fstream>
#include <limits>
#include <string>
#include <vector>

#include "csm/audio/audio_testing.h"
#include "csm/base/error.h"

// Read by LeakSanitizer: libsndfile 1.2.0 forgets its decoder when it refuses
// a damaged Ogg file.
extern "C" const char* __lsan_default_suppressions() {
  return "leak:libvorbis.so\n";
}

namespace csm::audio {
namespace {

namespace fs = std::filesystem;

constexpr int kRate = 24000;

class AudioFile : public testing_support::FolderTest {};

std::vector<float> tone(std::size_t n) {
  std::vector<float> samples;
  for (std::size_t idx = 0; idx < n; ++idx) {
    const double t = static_cast<double>(idx) / kRate;
    samples.push_back(static_cast<float>(
        0.4 * std::sin(2.0 * 3.14159265358979 * 440.0 * t) +
        0.2 * std::sin(2.0 * 3.14159265358979 * 1330.0 * t)));
  }
  return samples;
}

ErrorCode code_of_read(const fs::path& path) {
  try {
    (void)read_audio(path);
  } catch (const Error& error) {
    EXPECT_EQ(std::string(error.what()).rfind("[audio.read] expected ", 0), 0U);
    EXPECT_NE(std::string(error.what()).find(path.string()), std::string::npos);
    EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kInternal;
}

ErrorCode code_of_write(const fs::path& path, std::span<const float> samples,
                        int rate = kRate,
                        AudioFormat format = AudioFormat::kWav,
                        SampleFormat sample_format = SampleFormat::kPcm16) {
  try {
    (void)write_audio(path, samples, rate, format, sample_format);
  } catch (const Error& error) {
    return error.code();
  }
  ADD_FAILURE() << "no error";
  return ErrorCode::kInternal;
}

// Ratio of signal to difference, in dB, at the best delay up to 3000 samples.
double best_snr_db(std::span<const float> expected,
                   std::span<const float> got) {
  double best = -100.0;
  for (std::size_t delay = 0; delay < 3000; ++delay) {
    if (got.size() < delay + expected.size() / 2) break;
    double signal = 0.0;
    double noise = 1e-20;
    for (std::size_t idx = 2000; idx < expected.size() / 2; ++idx) {
      const auto x = static_cast<double>(expected[idx]);
      const double difference = x - static_cast<double>(got[idx + delay]);
      signal += x * x;
      noise += difference * difference;
    }
    best = std::max(best, 10.0 * std::log10(signal / noise));
  }
  return best;
}

TEST_F(AudioFile, LosslessFormats_RoundTripToSixteenBits) {
  const std::vector<float> samples = tone(10001);
  for (const AudioFormat format : {AudioFormat::kWav, AudioFormat::kFlac}) {
    const fs::path file = path(std::string("tone.") + to_string(format));
    const WriteReport report = write_audio(file, samples, kRate, format);
    EXPECT_EQ(report.n_clipped, 0);
    EXPECT_EQ(report.n_bytes, fs::file_size(file));
    const AudioBuffer read = read_audio(file);
    EXPECT_EQ(read.sample_rate, kRate);
    EXPECT_EQ(read.n_source_channels, 1);
    ASSERT_EQ(read.samples.size(), samples.size());
    for (std::size_t idx = 0; idx < samples.size(); ++idx) {
      ASSERT_NEAR(read.samples[idx], samples[idx], 0.5F / 32768);
    }
  }
}

TEST_F(AudioFile, SixteenBitWav_SurvivesRewritingBitForBit) {
  (void)write_audio(path("a.wav"), tone(5000), kRate, AudioFormat::kWav);
  const AudioBuffer first = read_audio(path("a.wav"));
  (void)write_audio(path("b.wav"), first.samples, kRate, AudioFormat::kWav);
  EXPECT_EQ(read_audio(path("b.wav")).samples, first.samples);
}

TEST_F(AudioFile, FloatWav_RoundTripsBitForBitUnclipped) {
  std::vector<float> samples = tone(777);
  samples[3] = 1.75F;
  const WriteReport report = write_audio(
      path("f.wav"), samples, kRate, AudioFormat::kWav, SampleFormat::kFloat32);
  EXPECT_EQ(report.n_clipped, 0);
  EXPECT_EQ(read_audio(path("f.wav")).samples, samples);
}

TEST_F(AudioFile, LossyFormats_SoundLikeTheOriginal) {
  const std::vector<float> samples = tone(24000);
  for (const AudioFormat format :
       {AudioFormat::kOgg, AudioFormat::kMp3, AudioFormat::kOpus}) {
    const fs::path file = path(std::string("tone.") + to_string(format));
    (void)write_audio(file, samples, kRate, format);
    const AudioBuffer read = read_audio(file);
    EXPECT_EQ(read.sample_rate, kRate);
    EXPECT_NEAR(static_cast<double>(read.samples.size()), 24000.0, 3000.0);
    // Opus, which is made for ears, stays the farthest from the waveform.
    const double expected_db = format == AudioFormat::kOpus ? 15.0 : 20.0;
    EXPECT_GT(best_snr_db(samples, read.samples), expected_db)
        << to_string(format);
    EXPECT_LT(fs::file_size(file), 24000U) << to_string(format);
  }
}

TEST_F(AudioFile, SamplesBeyondOne_AreHeldAndCounted) {
  std::vector<float> samples = tone(2000);
  samples[10] = 1.5F;
  samples[20] = -2.0F;
  for (const AudioFormat format : {AudioFormat::kWav, AudioFormat::kFlac,
                                   AudioFormat::kOgg, AudioFormat::kMp3}) {
    const fs::path file = path(std::string("loud.") + to_string(format));
    EXPECT_EQ(write_audio(file, samples, kRate, format).n_clipped, 2);
  }
  const AudioBuffer read = read_audio(path("loud.wav"));
  EXPECT_EQ(read.samples[10], 32767.0F / 32768.0F);
  EXPECT_EQ(read.samples[20], -1.0F);
}

TEST_F(AudioFile, WavHeader_IsCanonical) {
  const std::vector<std::byte> bytes =
      encode_audio(std::vector<float>{0.5F, -0.5F}, kRate, AudioFormat::kWav);
  const std::array<unsigned char, 48> expected = {
      'R',  'I',  'F', 'F', 40,   0,    0, 0, 'W', 'A',  'V', 'E',
      'f',  'm',  't', ' ', 16,   0,    0, 0, 1,   0,    1,   0,
      0xC0, 0x5D, 0,   0,   0x80, 0xBB, 0, 0, 2,   0,    16,  0,
      'd',  'a',  't', 'a', 4,    0,    0, 0, 0,   0x40, 0,   0xC0};
  ASSERT_EQ(bytes.size(), expected.size());
  EXPECT_EQ(std::memcmp(bytes.data(), expected.data(), expected.size()), 0);
}

TEST_F(AudioFile, NoSamples_WriteAValidEmptyWav) {
  EXPECT_EQ(encode_audio({}, kRate, AudioFormat::kWav).size(), 44U);
}

TEST_F(AudioFile, ExistingFile_IsReplacedWithoutLeftovers) {
  std::ofstream(path("a.wav")) << "old";
  (void)write_audio(path("a.wav"), tone(100), kRate, AudioFormat::kWav);
  EXPECT_EQ(read_audio(path("a.wav")).samples.size(), 100U);
  EXPECT_EQ(n_files(), 1U);
}

TEST_F(AudioFile, StereoFile_IsMixedDownByMean) {
  // A WAV of two 16-bit channels, three frames.
  const std::array<unsigned char, 56> wav = {
      'R',  'I',  'F', 'F',  48, 0, 0,  0,    'W', 'A',  'V',  'E',  'f', 'm',
      't',  ' ',  16,  0,    0,  0, 1,  0,    2,   0,    0x40, 0x1F, 0,   0,
      0x00, 0x7D, 0,   0,    4,  0, 16, 0,    'd', 'a',  't',  'a',  12,  0,
      0,    0,    0,   0x40, 0,  0, 0,  0x40, 0,   0xC0, 0,    0x20, 0,   0x20};
  std::ofstream(path("s.wav"), std::ios::binary)
      .write(reinterpret_cast<const char*>(wav.data()), wav.size());
  const AudioBuffer read = read_audio(path("s.wav"));
  EXPECT_EQ(read.sample_rate, 8000);
  EXPECT_EQ(read.n_source_channels, 2);
  EXPECT_EQ(read.samples, (std::vector<float>{0.25F, 0.0F, 0.25F}));
}

TEST_F(AudioFile, BadInputFiles_GiveOneLineErrors) {
  EXPECT_EQ(code_of_read(path("none.wav")), ErrorCode::kNotFound);
  EXPECT_EQ(code_of_read(path("")), ErrorCode::kInvalidArgument);  // folder
  std::ofstream(path("empty.wav")).flush();
  EXPECT_EQ(code_of_read(path("empty.wav")), ErrorCode::kCorrupt);
  std::ofstream(path("text.wav")) << "This is not a sound file at all.\n";
  EXPECT_EQ(code_of_read(path("text.wav")), ErrorCode::kCorrupt);
  (void)write_audio(path("silent.wav"), {}, kRate, AudioFormat::kWav);
  EXPECT_EQ(code_of_read(path("silent.wav")), ErrorCode::kCorrupt);
  (void)write_audio(path("cut.wav"), tone(100), kRate, AudioFormat::kWav);
  fs::resize_file(path("cut.wav"), 30);
  EXPECT_EQ(code_of_read(path("cut.wav")), ErrorCode::kCorrupt);
  (void)write_audio(path("nan.wav"), std::vector<float>{0.0F, 0.5F}, kRate,
                    AudioFormat::kWav, SampleFormat::kFloat32);
  const auto size = fs::file_size(path("nan.wav"));
  std::fstream file(path("nan.wav"),
                    std::ios::in | std::ios::out | std::ios::binary);
  file.seekp(static_cast<std::streamoff>(size) - 4);
  file.write("\x00\x00\xC0\x7F", 4).flush();
  EXPECT_EQ(code_of_read(path("nan.wav")), ErrorCode::kCorrupt);
}

TEST_F(AudioFile, BadSamplesAndRates_AreRefusedAndLeaveNothing) {
  constexpr float kNan = std::numeric_limits<float>::quiet_NaN();
  constexpr float kInfinity = std::numeric_limits<float>::infinity();
  const fs::path file = path("x.wav");
  for (const float bad : {kNan, kInfinity, -kInfinity}) {
    EXPECT_EQ(code_of_write(file, std::vector<float>{0.0F, bad}),
              ErrorCode::kInvalidArgument);
  }
  const std::vector<float> samples = tone(100);
  EXPECT_EQ(code_of_write(file, samples, 0), ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of_write(file, samples, 12345, AudioFormat::kMp3),
            ErrorCode::kUnsupported);
  EXPECT_EQ(code_of_write(file, samples, kRate, AudioFormat::kFlac,
                          SampleFormat::kFloat32),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(n_files(), 0U);
}

TEST_F(AudioFile, UnwritablePaths_AreRefused) {
  const std::vector<float> samples = tone(100);
  EXPECT_EQ(code_of_write(path("no/such/folder/a.wav"), samples),
            ErrorCode::kInvalidArgument);
  EXPECT_EQ(code_of_write(path(""), samples), ErrorCode::kInvalidArgument);
  EXPECT_EQ(n_files(), 0U);
}

TEST_F(AudioFile, FullDevice_IsExhausted) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  EXPECT_EQ(code_of_write("/dev/full", tone(100)), ErrorCode::kExhausted);
  EXPECT_TRUE(fs::is_character_file("/dev/full"));
}

TEST_F(AudioFile, FullDisk_IsExhaustedAndLeavesNothing) {
  // A file-size limit below the file's size stands in for a full disk.
  struct rlimit before {};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  struct rlimit small = before;
  small.rlim_cur = 1000;
  const auto handler = std::signal(SIGXFSZ, SIG_IGN);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const ErrorCode code = code_of_write(path("a.wav"), tone(5000));
  ::setrlimit(RLIMIT_FSIZE, &before);
  std::signal(SIGXFSZ, handler);
  EXPECT_EQ(code, ErrorCode::kExhausted);
  EXPECT_EQ(n_files(), 0U);
}

TEST_F(AudioFile, DamagedFiles_AreSoundOrOneLineErrors) {
  for (const AudioFormat format : {AudioFormat::kWav, AudioFormat::kFlac,
                                   AudioFormat::kOgg, AudioFormat::kMp3}) {
    const std::vector<std::byte> good = encode_audio(tone(3000), kRate, format);
    for (std::size_t variant = 0; variant < 60; ++variant) {
      std::vector<std::byte> bytes = good;
      if (variant % 2 == 0) {
        bytes.resize(good.size() * variant / 60);
      } else {
        bytes[(variant * variant) % std::min<std::size_t>(400, good.size())] ^=
            std::byte{0xFF};
      }
      const fs::path file = path("damaged");
      std::ofstream(file, std::ios::binary)
          .write(reinterpret_cast<const char*>(bytes.data()),
                 static_cast<std::streamsize>(bytes.size()));
      try {
        const AudioBuffer read = read_audio(file);
        EXPECT_FALSE(read.samples.empty());
      } catch (const Error& error) {
        EXPECT_EQ(std::string(error.what()).find('\n'), std::string::npos);
      }
    }
  }
}

// Runs write_audio("-") with standard output redirected to `fd`.
WriteReport write_to_stdout(int fd, std::span<const float> samples,
                            AudioFormat format) {
  std::fflush(stdout);
  const int saved = ::dup(STDOUT_FILENO);
  ::dup2(fd, STDOUT_FILENO);
  WriteReport report;
  try {
    report = write_audio("-", samples, kRate, format);
  } catch (...) {
    ::dup2(saved, STDOUT_FILENO);
    ::close(saved);
    throw;
  }
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  return report;
}

TEST_F(AudioFile, PipeOnStandardOutput_GetsTheWholeFile) {
  const std::vector<float> samples = tone(1000);  // fits into the pipe
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  const WriteReport report =
      write_to_stdout(ends[1], samples, AudioFormat::kWav);
  ::close(ends[1]);
  std::vector<std::byte> got(report.n_bytes + 1);
  std::size_t n = 0;
  ssize_t count = 0;
  while ((count = ::read(ends[0], got.data() + n, got.size() - n)) > 0) {
    n += static_cast<std::size_t>(count);
  }
  ::close(ends[0]);
  got.resize(n);
  EXPECT_EQ(got, encode_audio(samples, kRate, AudioFormat::kWav));
}

TEST_F(AudioFile, ClosedPipeOnStandardOutput_IsABackendError) {
  std::array<int, 2> ends{};
  ASSERT_EQ(::pipe(ends.data()), 0);
  ::close(ends[0]);
  struct sigaction ignore {};
  struct sigaction before {};
  ignore.sa_handler = SIG_IGN;
  ::sigaction(SIGPIPE, &ignore, &before);
  try {
    (void)write_to_stdout(ends[1], tone(100), AudioFormat::kWav);
    ADD_FAILURE() << "no error";
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kBackend);
    EXPECT_EQ(std::string(error.what()),
              "[audio.write] cannot write: Broken pipe (standard output)");
  }
  ::sigaction(SIGPIPE, &before, nullptr);
  ::close(ends[1]);
}

TEST_F(AudioFile, NamedPipe_IsWrittenDirectly) {
  const fs::path fifo = path("pipe.wav");
  ASSERT_EQ(::mkfifo(fifo.c_str(), 0600), 0);
  const int reader = ::open(fifo.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  const WriteReport report =
      write_audio(fifo, tone(100), kRate, AudioFormat::kWav);
  std::vector<std::byte> got(report.n_bytes);
  EXPECT_EQ(::read(reader, got.data(), got.size()),
            static_cast<ssize_t>(report.n_bytes));
  ::close(reader);
  EXPECT_TRUE(fs::is_fifo(fifo));
}

}  // namespace
}  // namespace csm::audio
