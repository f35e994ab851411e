#include "csm/base/atomic_file.h"

#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <string>
#include <system_error>
#include <utility>

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

constexpr std::string_view kMark = ".part-";
constexpr std::string_view kRandom = "XXXXXX";  // for mkstemp

struct TempFile {
  fs::path path;
  Descriptor file;  // locked
};

// A new empty file beside `path`, with the permissions that an ordinary
// open() would give; nothing if it was taken for an abandoned one before it was
// locked.
std::optional<TempFile> try_create_beside(const fs::path& path) {
  const std::string base = path.filename().string();
  std::string name =
      (path.parent_path() / str_cat('.', base, kMark, kRandom)).string();
  Descriptor file(::mkostemp(name.data(), O_CLOEXEC));
  if (file.get() < 0) {
    fail(ErrorCode::kInvalidArgument, path, std::strerror(errno));
  }
  // Where files cannot be locked, none is taken for abandoned either.
  while (::flock(file.get(), LOCK_EX) != 0 && errno == EINTR) {
  }
  struct stat about {};
  if (::fstat(file.get(), &about) == 0 && about.st_nlink == 0) return {};
  const mode_t mask = ::umask(0);
  ::umask(mask);
  (void)::fchmod(file.get(), static_cast<mode_t>(0666) & ~mask);
  return TempFile{.path = name, .file = std::move(file)};
}

TempFile create_beside(const fs::path& path) {
  for (;;) {
    if (auto made = try_create_beside(path)) return *std::move(made);
  }
}

// ".NAME" + kMark + what mkstemp made of kRandom, where NAME has the ending.
bool is_temp_name(std::string_view name, std::string_view ending) {
  const std::size_t n_tail = kMark.size() + kRandom.size();
  if (name.size() <= n_tail + 1 || name.front() != '.') return false;
  const std::string_view tail = name.substr(name.size() - n_tail);
  name.remove_prefix(1);
  name.remove_suffix(n_tail);
  return tail.starts_with(kMark) && name.ends_with(ending);
}

// Removes a file that nobody holds a lock on; whether it did. As long as it is
// locked here, no writer takes it for its own.
bool remove_unless_locked(const fs::path& path) {
  const Descriptor file(
      ::open(path.c_str(), O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC));
  struct stat about {};
  return file.get() >= 0 && ::fstat(file.get(), &about) == 0 &&
         S_ISREG(about.st_mode) &&
         ::flock(file.get(), LOCK_EX | LOCK_NB) == 0 &&
         ::fstat(file.get(), &about) == 0 && about.st_nlink > 0 &&
         ::unlink(path.c_str()) == 0;
}

}  // namespace

AtomicFile::AtomicFile(const fs::path& path) : path_(path), file_(-1) {
  std::error_code ignored;
  if (path.filename().empty() || fs::is_directory(path, ignored)) {
    fail(ErrorCode::kInvalidArgument, path, "expected a file name");
  }
  // Renaming over a device or a pipe would replace it.
  if (fs::exists(path, ignored) && !fs::is_regular_file(path, ignored)) {
    fail(ErrorCode::kInvalidArgument, path, "expected a regular file");
  }
  TempFile temp = create_beside(path);
  temp_path_ = std::move(temp.path);
  file_ = std::move(temp.file);
}

AtomicFile::~AtomicFile() {
  if (!committed_) ::unlink(temp_path_.c_str());
}

void AtomicFile::commit() {
  if (::fsync(file_.get()) != 0) {
    fail(ErrorCode::kExhausted, path_, std::strerror(errno));
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

int remove_abandoned_files(const fs::path& folder, std::string_view ending) {
  int n_removed = 0;
  std::error_code failed;
  for (fs::directory_iterator at(folder, failed), end; !failed && at != end;
       at.increment(failed)) {
    const fs::path& path = at->path();
    if (is_temp_name(path.filename().string(), ending) &&
        remove_unless_locked(path)) {
      ++n_removed;
    }
  }
  return n_removed;
}

}  // namespace csm
