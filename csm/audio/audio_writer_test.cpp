#include "csm/audio/audio_writer.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <array>
#include <cmath>
#include <csignal>
#include <cstring>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "csm/audio/audio_file.h"
#include "csm/audio/audio_testing.h"
#include "csm/base/error.h"

namespace csm::audio {
namespace {

namespace fs = std::filesystem;

constexpr int kRate = 24000;
constexpr std::size_t kFrame = 1920;

class AudioWriterFile : public testing_support::FolderTest {
 protected:
  void SetUp() override { ::signal(SIGPIPE, SIG_IGN); }
  void TearDown() override { ::signal(SIGPIPE, SIG_DFL); }
};

// Not periodic, and loud enough to be held now and then.
std::vector<float> speech(std::size_t n) {
  std::vector<float> samples;
  for (std::size_t idx = 0; idx < n; ++idx) {
    const double t = static_cast<double>(idx) / kRate;
    samples.push_back(static_cast<float>(std::sin(900.0 * t + 40.0 * t * t) *
                                         (0.7 + 0.35 * std::sin(31.0 * t))));
  }
  return samples;
}

std::vector<std::byte> bytes_of(const fs::path& path) {
  std::ifstream in(path, std::ios::binary);
  const std::string text(std::istreambuf_iterator<char>(in), {});
  const auto* begin = reinterpret_cast<const std::byte*>(text.data());
  return {begin, begin + text.size()};
}

// Appends in pieces of the given length. False once nobody reads.
bool append_pieces(AudioWriter& writer, std::span<const float> samples,
                   std::size_t piece) {
  while (!samples.empty()) {
    const std::size_t n = std::min(piece, samples.size());
    if (!writer.append(samples.first(n))) return false;
    samples = samples.subspan(n);
  }
  return true;
}

WriteReport write_pieces(const fs::path& path, std::span<const float> samples,
                         std::size_t piece, const AudioWriterOptions& options) {
  AudioWriter writer(path, options);
  EXPECT_TRUE(append_pieces(writer, samples, piece));
  return writer.finish();
}

// A pipe that both ends of which this test holds.
class Pipe {
 public:
  Pipe() { EXPECT_EQ(::pipe(ends_.data()), 0); }
  ~Pipe() {
    close_reader();
    close_writer();
  }
  Pipe(const Pipe&) = delete;
  Pipe& operator=(const Pipe&) = delete;
  // A path that opens the writing end.
  [[nodiscard]] fs::path path() const {
    return "/proc/self/fd/" + std::to_string(ends_[1]);
  }
  void close_reader() { close(ends_[0]); }
  void close_writer() { close(ends_[1]); }
  [[nodiscard]] int n_waiting() const {
    int n = 0;
    ::ioctl(ends_[0], FIONREAD, &n);
    return n;
  }
  std::vector<std::byte> read_all() {
    close_writer();
    std::vector<std::byte> all;
    std::array<std::byte, 4096> block;
    ssize_t n = 0;
    while ((n = ::read(ends_[0], block.data(), block.size())) > 0) {
      all.insert(all.end(), block.begin(), block.begin() + n);
    }
    return all;
  }

 private:
  static void close(int& fd) {
    if (fd >= 0) ::close(fd);
    fd = -1;
  }
  std::array<int, 2> ends_ = {-1, -1};
};

TEST_F(AudioWriterFile, AnyPieces_GiveTheBytesOfOneShot) {
  const std::vector<float> samples = speech(20011);
  for (const AudioFormat format : {AudioFormat::kWav, AudioFormat::kFlac,
                                   AudioFormat::kMp3, AudioFormat::kPcm}) {
    const auto once = encode_audio(samples, kRate, format);
    for (const std::size_t piece : {1UL, 777UL, kFrame, 20011UL}) {
      const WriteReport report =
          write_pieces(path("a"), samples, piece, {.format = format});
      EXPECT_EQ(bytes_of(path("a")), once) << to_string(format) << piece;
      EXPECT_EQ(report.n_bytes, once.size());
      EXPECT_EQ(report.n_samples, 20011);
      EXPECT_GT(report.n_clipped, 0);
      EXPECT_FALSE(report.reader_gone);
    }
  }
}

TEST_F(AudioWriterFile, OggInPieces_DecodesToTheSamplesOfOneShot) {
  const std::vector<float> samples = speech(20011);
  (void)write_audio(path("once.ogg"), samples, kRate, AudioFormat::kOgg);
  (void)write_pieces(path("a.ogg"), samples, 333,
                     {.format = AudioFormat::kOgg});
  EXPECT_EQ(read_audio(path("a.ogg")).samples,
            read_audio(path("once.ogg")).samples);
}

TEST_F(AudioWriterFile, FloatWavInPieces_GivesTheBytesOfOneShot) {
  const std::vector<float> samples = speech(5000);
  const WriteReport report =
      write_pieces(path("f.wav"), samples, kFrame,
                   {.sample_format = SampleFormat::kFloat32});
  EXPECT_EQ(
      bytes_of(path("f.wav")),
      encode_audio(samples, kRate, AudioFormat::kWav, SampleFormat::kFloat32));
  EXPECT_EQ(report.n_clipped, 0);
  EXPECT_EQ(read_audio(path("f.wav")).samples, samples);
}

TEST_F(AudioWriterFile, WavOnAPipe_HasOpenSizesAndTheSameSamples) {
  const std::vector<float> samples = speech(3 * kFrame);
  auto expected = encode_audio(samples, kRate, AudioFormat::kWav);
  Pipe pipe;
  (void)write_pieces(pipe.path(), samples, kFrame, {});
  std::memset(expected.data() + 4, 0xFF, 4);
  std::memset(expected.data() + 40, 0xFF, 4);
  const std::vector<std::byte> got = pipe.read_all();
  EXPECT_EQ(got, expected);
  // And readers take it.
  std::ofstream(path("open.wav"), std::ios::binary)
      .write(reinterpret_cast<const char*>(got.data()),
             static_cast<std::streamsize>(got.size()));
  (void)write_audio(path("once.wav"), samples, kRate, AudioFormat::kWav);
  EXPECT_EQ(read_audio(path("open.wav")).samples,
            read_audio(path("once.wav")).samples);
}

TEST_F(AudioWriterFile, EveryPiece_LeavesAtOnce) {
  const std::vector<float> samples = speech(3 * kFrame);
  for (const AudioFormat format : {AudioFormat::kWav, AudioFormat::kPcm}) {
    const int header = format == AudioFormat::kWav ? 44 : 0;
    Pipe pipe;
    AudioWriter writer(pipe.path(), {.format = format});
    for (int frame = 1; frame <= 3; ++frame) {
      ASSERT_TRUE(writer.append(std::span(samples).first(kFrame)));
      EXPECT_EQ(pipe.n_waiting(), header + frame * 2 * int{kFrame});
    }
    (void)writer.finish();
  }
}

TEST_F(AudioWriterFile, CompressedOnAPipe_IsTheWholeFile) {
  const std::vector<float> samples = speech(9000);
  for (const AudioFormat format : {AudioFormat::kFlac, AudioFormat::kMp3}) {
    Pipe pipe;
    (void)write_pieces(pipe.path(), samples, kFrame, {.format = format});
    EXPECT_EQ(pipe.read_all(), encode_audio(samples, kRate, format));
  }
}

TEST_F(AudioWriterFile, ClosedPipe_IsToldAndQuiet) {
  const std::vector<float> samples = speech(kFrame);
  for (const AudioFormat format : {AudioFormat::kWav, AudioFormat::kMp3}) {
    Pipe pipe;
    AudioWriter writer(pipe.path(), {.format = format});
    const bool streams = format == AudioFormat::kWav;
    EXPECT_TRUE(writer.append(samples));
    pipe.close_reader();
    EXPECT_EQ(writer.append(samples), !streams);
    EXPECT_EQ(writer.append(samples), !streams);
    EXPECT_TRUE(writer.finish().reader_gone);
  }
}

TEST_F(AudioWriterFile, FileAtStandardOutput_GetsItsSizes) {
  const std::vector<float> samples = speech(2 * kFrame);
  const int fd = ::open(path("out").c_str(), O_RDWR | O_CREAT, 0600);
  ASSERT_EQ(::write(fd, "before", 6), 6);
  const int saved = ::dup(STDOUT_FILENO);
  ::dup2(fd, STDOUT_FILENO);
  (void)write_pieces("-", samples, kFrame, {});
  ::dup2(saved, STDOUT_FILENO);
  ::close(saved);
  ASSERT_EQ(::write(fd, "after", 5), 5);
  ::close(fd);
  const auto all = bytes_of(path("out"));
  const auto wav = encode_audio(samples, kRate, AudioFormat::kWav);
  ASSERT_EQ(all.size(), 6 + wav.size() + 5);
  EXPECT_TRUE(std::equal(wav.begin(), wav.end(), all.begin() + 6));
  EXPECT_EQ(std::memcmp(all.data() + all.size() - 5, "after", 5), 0);
}

TEST_F(AudioWriterFile, WithoutFinish_NothingIsLeft) {
  std::ofstream(path("b.wav")) << "old";
  for (const AudioFormat format :
       {AudioFormat::kWav, AudioFormat::kFlac, AudioFormat::kOgg,
        AudioFormat::kMp3, AudioFormat::kPcm}) {
    AudioWriter writer(path("b.wav"), {.format = format});
    EXPECT_TRUE(writer.append(speech(10000)));
    EXPECT_EQ(n_files(), 2U);  // the temporary one
  }
  EXPECT_EQ(n_files(), 1U);
  EXPECT_EQ(fs::file_size(path("b.wav")), 3U);
}

TEST_F(AudioWriterFile, BadSample_IsNamedByItsPlaceInTheFile) {
  AudioWriter writer(path("a.wav"), {});
  EXPECT_TRUE(writer.append(speech(100)));
  std::vector<float> bad = speech(10);
  bad[7] = std::nanf("");
  try {
    (void)writer.append(bad);
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kInvalidArgument);
    EXPECT_STREQ(error.what(),
                 "[audio.encode] expected finite samples, got nan (sample "
                 "107)");
  }
}

TEST_F(AudioWriterFile, FullDevice_IsExhaustedAtTheFirstPiece) {
  if (!fs::exists("/dev/full")) GTEST_SKIP() << "no /dev/full here";
  AudioWriter writer("/dev/full", {});
  try {
    (void)writer.append(speech(kFrame));
    FAIL();
  } catch (const Error& error) {
    EXPECT_EQ(error.code(), ErrorCode::kExhausted);
  }
}

}  // namespace
}  // namespace csm::audio
