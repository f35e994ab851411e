#include "csm/audio/audio_reader.h"

#include <fcntl.h>
#include <sndfile.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <span>
#include <string>
#include <system_error>
#include <utility>

#include "csm/audio/mp3_length.h"
#include "csm/audio/ogg_end.h"
#include "csm/audio/wav_length.h"
#include "csm/base/error.h"
#include "csm/base/finite.h"
#include "csm/base/str_cat.h"

namespace csm::audio {
namespace {

namespace fs = std::filesystem;

constexpr int kMaxChannels = 32;
constexpr int kMaxSampleRate = 768000;
constexpr sf_count_t kBlockFrames = 16384;

struct CloseSound {
  void operator()(SNDFILE* file) const { sf_close(file); }
};
using Sound = std::unique_ptr<SNDFILE, CloseSound>;

struct CloseFile {
  void operator()(std::FILE* file) const { std::fclose(file); }
};
using File = std::unique_ptr<std::FILE, CloseFile>;

[[noreturn]] void fail(ErrorCode code, const std::string& name,
                       const std::string& expected_and_got) {
  throw Error(code, str_cat("[audio.read] expected ", expected_and_got, " (",
                            name, ')'));
}

void require_readable(const fs::path& path) {
  std::error_code error;
  const fs::file_status status = fs::status(path, error);
  if (!fs::exists(status)) {
    fail(ErrorCode::kNotFound, path.string(), "a sound file, got no such file");
  }
  if (fs::is_directory(status)) {
    fail(ErrorCode::kInvalidArgument, path.string(),
         "a sound file, got a folder");
  }
}

// Standard input to its end, in a file that has no name.
File spool_input(const std::string& name) {
  File file(std::tmpfile());
  if (file == nullptr) {
    fail(ErrorCode::kExhausted, name,
         str_cat("room for a temporary file, got: ", std::strerror(errno)));
  }
  std::array<char, 1 << 16> block{};
  while (true) {
    const ssize_t n = ::read(STDIN_FILENO, block.data(), block.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      fail(ErrorCode::kBackend, name,
           str_cat("readable sound, got: ", std::strerror(errno)));
    }
    if (n == 0) break;
    const auto size = static_cast<std::size_t>(n);
    if (std::fwrite(block.data(), 1, size, file.get()) != size) break;
  }
  if (std::fflush(file.get()) != 0 || std::ferror(file.get()) != 0) {
    fail(ErrorCode::kExhausted, name,
         str_cat("room for it in a temporary file, got: ",
                 std::strerror(errno)));
  }
  std::rewind(file.get());
  return file;
}

File open_file(const fs::path& path, const std::string& name) {
  if (path == "-") return spool_input(name);
  require_readable(path);
  File file(std::fopen(path.c_str(), "rb"));
  if (file == nullptr) {
    fail(ErrorCode::kNotFound, name,
         str_cat("a sound file, got: ", std::strerror(errno)));
  }
  return file;
}

void require_supported(const SF_INFO& info, const std::string& name) {
  if (info.channels < 1 || info.channels > kMaxChannels) {
    fail(ErrorCode::kUnsupported, name,
         str_cat("1 to ", kMaxChannels, " channels, got ", info.channels));
  }
  if (info.samplerate < 1 || info.samplerate > kMaxSampleRate) {
    fail(ErrorCode::kUnsupported, name,
         str_cat("a sample rate of 1 to ", kMaxSampleRate, " Hz, got ",
                 info.samplerate));
  }
}

// The mean over the channels of each frame.
std::vector<float> mix_down(std::span<const float> interleaved,
                            int n_channels) {
  const auto width = static_cast<std::size_t>(n_channels);
  std::vector<float> out;
  out.reserve(interleaved.size() / width);
  for (std::size_t first = 0; first < interleaved.size(); first += width) {
    float sum = 0.0F;
    for (const float value : interleaved.subspan(first, width)) sum += value;
    out.push_back(sum / static_cast<float>(n_channels));
  }
  return out;
}

bool is_flac(const SF_INFO& info) {
  return (info.format & SF_FORMAT_TYPEMASK) == SF_FORMAT_FLAC;
}

void require_bytes(std::uint64_t n_missing, const std::string& name) {
  if (n_missing == 0) return;
  fail(ErrorCode::kCorrupt, name,
       str_cat("a whole sound file, got one that ends ", n_missing,
               " bytes before its end"));
}

}  // namespace

struct AudioReader::Parts {
  std::string name;
  File file;
  SF_INFO info{};
  Sound sound = nullptr;  // reads `file`
  std::vector<float> block = {};
  std::int64_t n_read = 0;

  void open();
  void check_end() const;
};

void AudioReader::Parts::open() {
  const int fd = ::fileno(file.get());
  // libsndfile passes all of these over.
  require_bytes(missing_wav_bytes(fd), name);
  require_bytes(missing_mp3_bytes(fd), name);
  if (ogg_is_cut_off(fd)) {
    fail(ErrorCode::kCorrupt, name,
         "a whole sound file, got one that ends before its stream does");
  }
  sound.reset(sf_open_fd(fd, SFM_READ, &info, SF_FALSE));
  if (sound == nullptr) {
    fail(ErrorCode::kCorrupt, name,
         str_cat("a sound file, got: ", sf_strerror(nullptr)));
  }
  require_supported(info, name);
  block.resize(static_cast<std::size_t>(kBlockFrames) *
               static_cast<std::size_t>(info.channels));
}

void AudioReader::Parts::check_end() const {
  if (sf_error(sound.get()) != SF_ERR_NO_ERROR) {
    fail(ErrorCode::kCorrupt, name,
         str_cat("a whole sound file, got: ", sf_strerror(sound.get())));
  }
  if (n_read == 0) {
    fail(ErrorCode::kCorrupt, name, "at least one sample, got none");
  }
  // The number of frames in a FLAC header is exact, or absent.
  if (is_flac(info) && n_read < info.frames && info.frames < SF_COUNT_MAX) {
    fail(ErrorCode::kCorrupt, name,
         str_cat("a whole sound file, got ", n_read, " of ", info.frames,
                 " samples"));
  }
}

AudioReader::AudioReader(const fs::path& path) {
  std::string name = path == "-" ? "standard input" : path.string();
  File file = open_file(path, name);
  parts_.reset(new Parts{.name = std::move(name), .file = std::move(file)});
  parts_->open();
}

AudioReader::AudioReader(AudioReader&&) noexcept = default;
AudioReader& AudioReader::operator=(AudioReader&&) noexcept = default;
AudioReader::~AudioReader() = default;

int AudioReader::sample_rate() const { return parts_->info.samplerate; }
int AudioReader::n_channels() const { return parts_->info.channels; }

std::vector<float> AudioReader::read() {
  Parts& parts = *parts_;
  const sf_count_t n =
      sf_readf_float(parts.sound.get(), parts.block.data(), kBlockFrames);
  if (n <= 0) {
    parts.check_end();
    return {};
  }
  const auto n_values = static_cast<std::size_t>(n) *
                        static_cast<std::size_t>(parts.info.channels);
  std::vector<float> samples = mix_down(
      std::span<const float>(parts.block).first(n_values), parts.info.channels);
  if (const auto bad = find_not_finite(samples)) {
    fail(ErrorCode::kCorrupt, parts.name,
         str_cat("finite samples, got ", samples[*bad], " at sample ",
                 parts.n_read + static_cast<std::int64_t>(*bad)));
  }
  parts.n_read += n;
  return samples;
}

}  // namespace csm::audio
