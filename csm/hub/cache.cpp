#include "csm/hub/cache.h"

#include <fcntl.h>
#include <sys/file.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <fstream>
#include <system_error>
#include <thread>

#include "csm/base/atomic_file.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"

namespace csm::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::string_view kPrefix = "models--";

[[noreturn]] void fail(const fs::path& path, const std::string& why) {
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[hub.cache] cannot write to the cache: ", why, " (",
                      path.string(), ")"));
}

void create_folders(const fs::path& folder) {
  std::error_code failed;
  fs::create_directories(folder, failed);
  if (failed) fail(folder, failed.message());
}

// Files below `folder`, relative to it.
std::vector<std::string> files_below(const fs::path& folder) {
  std::vector<std::string> out;
  std::error_code failed;
  fs::recursive_directory_iterator it(folder, failed);
  if (failed) return out;
  for (const auto end = fs::end(it); it != end; it.increment(failed)) {
    if (failed) break;
    std::error_code unknown;
    if (!it->is_regular_file(unknown)) continue;  // follows links
    out.push_back(it->path().lexically_relative(folder).generic_string());
  }
  std::sort(out.begin(), out.end());
  return out;
}

}  // namespace

RepositoryCache::RepositoryCache(const fs::path& root, const Repository& of) {
  const std::string name = str_cat(kPrefix, of.owner, "--", of.name);
  folder_ = root / name;
  locks_ = root / ".locks" / name;
}

std::optional<std::string> RepositoryCache::commit(
    const std::string& revision) const {
  if (is_commit(revision)) return revision;
  std::ifstream file(folder_ / "refs" / revision);
  std::string text;
  if (!(file >> text) || !is_commit(text)) return std::nullopt;
  return text;
}

void RepositoryCache::set_commit(const std::string& revision,
                                 const std::string& commit) const {
  if (is_commit(revision)) return;
  const fs::path path = folder_ / "refs" / revision;
  create_folders(path.parent_path());
  write_file_atomically(path, commit);
}

fs::path RepositoryCache::snapshot(const std::string& commit) const {
  return folder_ / "snapshots" / commit;
}

std::vector<std::string> RepositoryCache::files(
    const std::string& commit) const {
  return files_below(snapshot(commit));
}

fs::path RepositoryCache::blob(const std::string& etag) const {
  return folder_ / "blobs" / etag;
}

fs::path RepositoryCache::incomplete(const std::string& etag) const {
  return folder_ / "blobs" / (etag + ".incomplete");
}

fs::path RepositoryCache::lock_file(const std::string& etag) const {
  return locks_ / (etag + ".lock");
}

void RepositoryCache::create() const {
  create_folders(folder_ / "blobs");
  create_folders(folder_ / "snapshots");
  create_folders(locks_);
}

void RepositoryCache::link(const std::string& commit, const std::string& file,
                           const std::string& etag) const {
  const fs::path path = snapshot(commit) / file;
  create_folders(path.parent_path());
  const fs::path target = blob(etag).lexically_relative(path.parent_path());
  std::error_code failed;
  if (fs::is_symlink(path, failed) &&
      fs::read_symlink(path, failed) == target) {
    return;
  }
  // Renaming puts a new link in the place of an old one at once.
  const fs::path fresh = str_cat(path.string(), ".link-", ::getpid());
  fs::remove(fresh, failed);
  fs::create_symlink(target, fresh, failed);
  if (!failed) fs::rename(fresh, path, failed);
  if (!failed) return;
  std::error_code ignored;
  fs::remove(fresh, ignored);
  fail(path, failed.message());
}

std::optional<std::uint64_t> RepositoryCache::free_bytes() const {
  std::error_code failed;
  const auto space = fs::space(folder_, failed);
  if (failed) return std::nullopt;
  return space.available;
}

BlobLock::BlobLock(const fs::path& file, const std::function<bool()>& stop,
                   const std::function<void()>& waiting) {
  constexpr mode_t kMode = 0644;
  file_ = ::open(file.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, kMode);
  if (file_ < 0) fail(file, std::strerror(errno));
  constexpr auto kLook = std::chrono::milliseconds(100);
  bool told = false;
  while (::flock(file_, LOCK_EX | LOCK_NB) != 0) {
    // A file system without locks: nobody else can have one.
    if (errno != EWOULDBLOCK && errno != EINTR) break;
    if (stop()) return;
    if (!told) waiting();
    told = true;
    std::this_thread::sleep_for(kLook);
  }
  held_ = true;
}

BlobLock::~BlobLock() { ::close(file_); }

std::vector<CachedRepository> cached_repositories(const fs::path& root) {
  std::vector<CachedRepository> out;
  std::error_code failed;
  fs::directory_iterator it(root, failed);
  if (failed) return out;
  for (const auto end = fs::end(it); it != end; it.increment(failed)) {
    if (failed) break;
    const std::string name = it->path().filename().string();
    if (!name.starts_with(kPrefix)) continue;
    const auto dashes = name.find("--", kPrefix.size());
    if (dashes == std::string::npos) continue;
    const std::string id =
        str_cat(name.substr(kPrefix.size(), dashes - kPrefix.size()), "/",
                name.substr(dashes + 2));
    if (!parse_repository(id)) continue;
    out.push_back({id, files_below(it->path() / "refs")});
  }
  std::sort(out.begin(), out.end(),
            [](const auto& a, const auto& b) { return a.id < b.id; });
  return out;
}

}  // namespace csm::hub
