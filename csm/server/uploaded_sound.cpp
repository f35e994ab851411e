#include "csm/server/uploaded_sound.h"

#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>

#include "csm/audio/resampled_reader.h"
#include "csm/base/str_cat.h"
#include "csm/server/api_error.h"

namespace csm::server {
namespace {

// A file that is gone when this is.
class TemporaryFile {
 public:
  explicit TemporaryFile(std::string_view bytes)
      : path_((std::filesystem::temp_directory_path() / "csm-sound-XXXXXX")
                  .string()) {
    const int fd = ::mkstemp(path_.data());
    if (fd < 0) fail();
    while (!bytes.empty()) {
      const ssize_t n = ::write(fd, bytes.data(), bytes.size());
      if (n < 0 && errno == EINTR) continue;
      if (n <= 0) {
        const int why = errno;
        ::close(fd);
        ::unlink(path_.c_str());
        errno = why;
        fail();
      }
      bytes.remove_prefix(static_cast<std::size_t>(n));
    }
    ::close(fd);
  }
  ~TemporaryFile() { ::unlink(path_.c_str()); }
  TemporaryFile(const TemporaryFile&) = delete;
  TemporaryFile& operator=(const TemporaryFile&) = delete;

  [[nodiscard]] const std::string& path() const { return path_; }

 private:
  [[noreturn]] static void fail() {
    throw Error(ErrorCode::kBackend,
                str_cat("[server.sound] expected room for a temporary file, "
                        "got: ",
                        std::strerror(errno)));
  }

  std::string path_;
};

}  // namespace

std::vector<float> read_uploaded_sound(std::string_view bytes, int sample_rate,
                                       int max_seconds,
                                       const std::string& param) {
  const TemporaryFile file(bytes);
  const audio::ReadLimit limit = {.samples =
                                      static_cast<std::size_t>(sample_rate) *
                                      static_cast<std::size_t>(max_seconds)};
  try {
    return audio::read_audio_at(file.path(), sample_rate, limit);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kExhausted) {
      throw RequestError(
          bad_request("audio_too_long", param,
                      str_cat("expected ", param, " of at most ", max_seconds,
                              " s of sound, got more")));
    }
    throw RequestError(bad_request(
        "invalid_audio", param,
        "expected " + param +
            " to be a whole sound file: WAV, FLAC, Ogg, MP3 or another that "
            "libsndfile reads"));
  }
}

}  // namespace csm::server
