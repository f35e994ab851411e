#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <string>
#include <string_view>
#include <system_error>

#include "csm/audio/audio_file.h"
#include "csm/audio/pcm16.h"
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

bool is_full(int error) {
  return error == ENOSPC || error == EDQUOT || error == EFBIG;
}

void write_all(int fd, std::string_view bytes, const std::string& target) {
  while (!bytes.empty()) {
    const ssize_t n = ::write(fd, bytes.data(), bytes.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      fail(is_full(errno) ? ErrorCode::kExhausted : ErrorCode::kBackend, target,
           errno);
    }
    bytes.remove_prefix(static_cast<std::size_t>(n));
  }
}

// Closes a descriptor of ours at the end of the scope.
class Descriptor {
 public:
  explicit Descriptor(int fd) : fd_(fd) {}
  ~Descriptor() {
    if (fd_ >= 0) ::close(fd_);
  }
  Descriptor(const Descriptor&) = delete;
  Descriptor& operator=(const Descriptor&) = delete;
  [[nodiscard]] int get() const { return fd_; }

 private:
  int fd_;
};

// A device, pipe or socket: there is nothing to rename over.
void write_device(const fs::path& path, std::string_view bytes) {
  const Descriptor file(::open(path.c_str(), O_WRONLY | O_CLOEXEC));
  if (file.get() < 0) {
    fail(ErrorCode::kInvalidArgument, path.string(), errno);
  }
  write_all(file.get(), bytes, path.string());
}

bool is_device(const fs::path& path) {
  std::error_code ignored;
  const fs::file_status status = fs::status(path, ignored);
  return fs::exists(status) && !fs::is_regular_file(status) &&
         !fs::is_directory(status);
}

}  // namespace

WriteReport write_audio(const fs::path& path, std::span<const float> samples,
                        int sample_rate, AudioFormat format,
                        SampleFormat sample_format) {
  const std::vector<std::byte> bytes =
      encode_audio(samples, sample_rate, format, sample_format);
  const std::string_view text(reinterpret_cast<const char*>(bytes.data()),
                              bytes.size());
  if (path == "-") {
    write_all(STDOUT_FILENO, text, "standard output");
  } else if (is_device(path)) {
    write_device(path, text);
  } else {
    write_file_atomically(path, text);
  }
  const bool clips = sample_format == SampleFormat::kPcm16;
  return {clips ? count_clipped(samples) : 0, bytes.size()};
}

}  // namespace csm::audio
