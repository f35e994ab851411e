#include "csm/audio/audio_writer.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <string>
#include <system_error>
#include <utility>

#include "csm/audio/byte_file.h"
#include "csm/audio/pcm16.h"
#include "csm/audio/sound_encoder.h"
#include "csm/base/atomic_file.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::audio {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(ErrorCode code, const std::string& target, int error) {
  throw Error(code, str_cat("[audio.write] cannot write: ",
                            std::strerror(error), " (", target, ')'));
}

ErrorCode code_of(int error) {
  const bool is_full =
      error == ENOSPC || error == EDQUOT || error == EFBIG || error == ENOMEM;
  return is_full ? ErrorCode::kExhausted : ErrorCode::kBackend;
}

bool is_device(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_regular_file(status) &&
         !fs::is_directory(status);
}

// A descriptor that is closed at the end of the scope, if it is ours.
class Descriptor {
 public:
  Descriptor(int fd, bool owned) : fd_(fd), owned_(owned) {}
  ~Descriptor() { (void)close(); }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }
  // Returns 0 or errno.
  int close() {
    const bool closes = std::exchange(owned_, false) && fd_ >= 0;
    return closes && ::close(fd_) != 0 ? errno : 0;
  }

 private:
  int fd_;
  bool owned_;
};

int open_to_write(const fs::path& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) fail(ErrorCode::kInvalidArgument, path.string(), errno);
  return fd;
}

// A file without a name, for formats that a pipe cannot take as they come.
class Spool {
 public:
  Spool() : stream_(std::tmpfile()) {
    if (stream_ == nullptr) {
      fail(ErrorCode::kExhausted, "temporary file", errno);
    }
  }
  [[nodiscard]] int fd() const { return ::fileno(stream_.get()); }

  // Trouble of the target is target.error().
  void copy_to(ByteFile& target) const {
    std::array<std::byte, 65536> block;
    off_t offset = 0;
    ssize_t n = 0;
    while ((n = ::pread(fd(), block.data(), block.size(), offset)) > 0) {
      const auto count = static_cast<std::size_t>(n);
      if (!target.write(std::span(block).first(count))) return;
      offset += n;
    }
    if (n < 0) fail(ErrorCode::kBackend, "temporary file", errno);
  }

 private:
  struct Close {
    void operator()(std::FILE* stream) const { (void)std::fclose(stream); }
  };
  std::unique_ptr<std::FILE, Close> stream_;
};

std::unique_ptr<AtomicFile> make_temp(const fs::path& path) {
  if (path == "-" || is_device(path)) return nullptr;
  return std::make_unique<AtomicFile>(path);
}

}  // namespace

struct AudioWriter::Parts {
  Parts(const fs::path& path, const AudioWriterOptions& options);

  // After every operation: nothing, reader_gone or an error.
  void check(const ByteFile& file);

  std::string target;                // for messages
  bool clips;                        // samples are held to [-1, 1]
  std::unique_ptr<AtomicFile> temp;  // of a regular file
  Descriptor descriptor;
  DescriptorFile out;
  std::unique_ptr<Spool> spool;
  std::unique_ptr<DescriptorFile> spool_file;
  std::unique_ptr<SoundEncoder> encoder;
  WriteReport report;

  [[nodiscard]] ByteFile& encoded() { return spool ? *spool_file : out; }
};

AudioWriter::Parts::Parts(const fs::path& path,
                          const AudioWriterOptions& options)
    : target(path == "-" ? "standard output" : path.string()),
      clips(options.sample_format == SampleFormat::kPcm16),
      temp(make_temp(path)),
      descriptor(path == "-" ? STDOUT_FILENO
                             : open_to_write(temp ? temp->temp_path() : path),
                 path != "-"),
      out(descriptor.get()) {
  if (!out.seekable() && !is_streamable(options.format)) {
    spool = std::make_unique<Spool>();
    spool_file = std::make_unique<DescriptorFile>(spool->fd());
  }
  encoder = make_encoder(options, encoded());
  check(encoded());
}

void AudioWriter::Parts::check(const ByteFile& file) {
  if (file.error() == EPIPE) {
    report.reader_gone = true;
  } else if (file.error() != 0) {
    fail(code_of(file.error()), target, file.error());
  }
}

AudioWriter::AudioWriter(const fs::path& path,
                         const AudioWriterOptions& options)
    : parts_(std::make_unique<Parts>(path, options)) {}
AudioWriter::~AudioWriter() = default;
AudioWriter::AudioWriter(AudioWriter&&) noexcept = default;
AudioWriter& AudioWriter::operator=(AudioWriter&&) noexcept = default;

bool AudioWriter::append(std::span<const float> samples) {
  WriteReport& report = parts_->report;
  if (report.reader_gone) return false;
  parts_->encoder->append(samples);
  parts_->check(parts_->encoded());
  report.n_samples += static_cast<std::int64_t>(samples.size());
  if (parts_->clips) report.n_clipped += count_clipped(samples);
  return !report.reader_gone;
}

WriteReport AudioWriter::finish() {
  Parts& parts = *parts_;
  if (parts.report.reader_gone) return parts.report;
  parts.encoder->finish();
  parts.check(parts.encoded());
  if (parts.spool) {
    parts.spool->copy_to(parts.out);
    parts.check(parts.out);
  }
  const int closed = parts.descriptor.close();
  if (closed != 0) fail(code_of(closed), parts.target, closed);
  if (parts.temp) parts.temp->commit();
  parts.report.n_bytes = static_cast<std::size_t>(parts.out.size());
  return parts.report;
}

}  // namespace csm::audio
