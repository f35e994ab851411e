#include "csm/base/atomic_folder.h"

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
  throw Error(code, str_cat("[base.atomic_folder] cannot write: ", what, " (",
                            path.string(), ")"));
}

// "a/b/" names the folder a/b.
fs::path without_slash(const fs::path& path) {
  return path.filename().empty() ? path.parent_path() : path;
}

// A name beside `path` that nothing has, made as a folder.
fs::path make_beside(const fs::path& path, const char* kind) {
  std::string name = (path.parent_path() /
                      str_cat('.', path.filename().string(), kind, "-XXXXXX"))
                         .string();
  if (::mkdtemp(name.data()) == nullptr) {
    fail(ErrorCode::kInvalidArgument, path, std::strerror(errno));
  }
  return name;
}

void flush(const fs::path& path, const fs::path& named) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  const bool flushed = fd >= 0 && ::fsync(fd) == 0;
  const int reason = errno;
  if (fd >= 0) ::close(fd);
  if (!flushed) fail(ErrorCode::kExhausted, named, std::strerror(reason));
}

void rename_folder(const fs::path& from, const fs::path& to,
                   const fs::path& named) {
  if (std::rename(from.c_str(), to.c_str()) == 0) return;
  fail(ErrorCode::kInvalidArgument, named, std::strerror(errno));
}

}  // namespace

AtomicFolder::AtomicFolder(const fs::path& path) : path_(without_slash(path)) {
  const fs::path name = path_.filename();
  if (name.empty() || name == "." || name == "..") {
    fail(ErrorCode::kInvalidArgument, path, "expected the name of a folder");
  }
  temp_path_ = make_beside(path_, ".part");
  // The permissions that an ordinary mkdir() would give.
  const mode_t mask = ::umask(0);
  ::umask(mask);
  (void)::chmod(temp_path_.c_str(), static_cast<mode_t>(0777) & ~mask);
}

AtomicFolder::~AtomicFolder() {
  std::error_code ignored;
  if (!committed_) fs::remove_all(temp_path_, ignored);
}

void AtomicFolder::commit(bool replace) {
  std::error_code ignored;
  for (auto it = fs::recursive_directory_iterator(temp_path_, ignored);
       it != fs::recursive_directory_iterator(); it.increment(ignored)) {
    flush(it->path(), path_);
  }
  flush(temp_path_, path_);
  if (!replace || !fs::exists(path_, ignored)) {
    rename_folder(temp_path_, path_, path_);
    committed_ = true;
    return;
  }
  const fs::path old = make_beside(path_, ".old");
  try {
    rename_folder(path_, old, path_);
  } catch (const Error&) {
    fs::remove(old, ignored);
    throw;
  }
  if (std::rename(temp_path_.c_str(), path_.c_str()) != 0) {
    const std::string reason = std::strerror(errno);
    (void)std::rename(old.c_str(), path_.c_str());
    fail(ErrorCode::kInvalidArgument, path_, reason);
  }
  committed_ = true;
  fs::remove_all(old, ignored);
}

}  // namespace csm
