#include "csm/base/atomic_file.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <system_error>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm {
namespace {

namespace fs = std::filesystem;

[[noreturn]] void fail(ErrorCode code, const fs::path& path,
                       const std::string& what) {
  throw Error(code, str_cat("[base.atomic_file] cannot write: ", what, " (",
                            path.string(), ")"));
}

// A new empty file beside `path`, with the permissions that an ordinary
// open() would give.
fs::path create_temp_beside(const fs::path& path) {
  const std::string base = path.filename().string();
  std::string name =
      (path.parent_path() / str_cat('.', base, ".part-XXXXXX")).string();
  const int fd = ::mkostemp(name.data(), O_CLOEXEC);
  if (fd < 0) fail(ErrorCode::kInvalidArgument, path, std::strerror(errno));
  const mode_t mask = ::umask(0);
  ::umask(mask);
  (void)::fchmod(fd, static_cast<mode_t>(0666) & ~mask);
  ::close(fd);
  return name;
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path) : path_(path) {
  std::error_code ignored;
  if (path.filename().empty() || fs::is_directory(path, ignored)) {
    fail(ErrorCode::kInvalidArgument, path, "expected a file name");
  }
  // Renaming over a device or a pipe would replace it.
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored)) {
    fail(ErrorCode::kInvalidArgument, path, "expected a regular file");
  }
  temp_path_ = create_temp_beside(path);
}

AtomicFile::~AtomicFile() {
  if (!committed_) ::unlink(temp_path_.c_str());
}

void AtomicFile::commit() {
  const int fd = ::open(temp_path_.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) fail(ErrorCode::kExhausted, path_, std::strerror(errno));
  const int synced = ::fsync(fd);
  const int sync_errno = errno;
  ::close(fd);
  if (synced != 0) {
    fail(ErrorCode::kExhausted, path_, std::strerror(sync_errno));
  }
  if (std::rename(temp_path_.c_str(), path_.c_str()) != 0) {
    fail(ErrorCode::kInvalidArgument, path_, std::strerror(errno));
  }
  committed_ = true;
}

void write_file_atomically(const fs::path& path, std::string_view contents) {
  AtomicFile file(path);
  const int fd = ::open(file.temp_path().c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0) fail(ErrorCode::kInvalidArgument, path, std::strerror(errno));
  while (!contents.empty()) {
    const ssize_t n = ::write(fd, contents.data(), contents.size());
    if (n < 0 && errno == EINTR) continue;
    if (n < 0) {
      const std::string why = std::strerror(errno);
      ::close(fd);
      fail(ErrorCode::kExhausted, path, why);
    }
    contents.remove_prefix(static_cast<std::size_t>(n));
  }
  if (::close(fd) != 0) {
    fail(ErrorCode::kExhausted, path, std::strerror(errno));
  }
  file.commit();
}

}  // namespace csm
