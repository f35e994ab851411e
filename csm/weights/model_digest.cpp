#include "csm/weights/model_digest.h"

#include <sys/stat.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <fstream>
#include <set>
#include <span>
#include <system_error>

#include "csm/base/atomic_file.h"
#include "csm/base/error.h"
#include "csm/base/mapped_file.h"
#include "csm/base/sha256.h"
#include "csm/base/str_cat.h"

namespace csm::weights {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t kDigits = 64;
// A file that is written twice within one tick of the clock keeps its times.
constexpr std::int64_t kSettledNs = 2'000'000'000;

using Files = std::set<fs::path>;

std::string digest_of(const Files& files) {
  std::string digests;
  for (const fs::path& path : files) {
    digests += sha256_hex(MappedFile(path).bytes());
  }
  return sha256_hex(std::as_bytes(std::span(digests)));
}

std::int64_t nanoseconds(const timespec& time) {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

// What tells one state of the files from another.
struct FilesState {
  std::string key;
  std::int64_t changed_ns = 0;  // the latest change of any
};

std::optional<FilesState> state_of(const Files& files) {
  FilesState state;
  for (const fs::path& path : files) {
    struct stat info {};
    if (::stat(path.c_str(), &info) != 0) return std::nullopt;
#ifdef __APPLE__
    const std::int64_t modified = nanoseconds(info.st_mtimespec);
    const std::int64_t changed = nanoseconds(info.st_ctimespec);
#else
    const std::int64_t modified = nanoseconds(info.st_mtim);
    const std::int64_t changed = nanoseconds(info.st_ctim);
#endif
    state.key += str_cat(fs::absolute(path).string(), '\n', info.st_dev, ' ',
                         info.st_ino, ' ', info.st_size, ' ', modified, ' ',
                         changed, '\n');
    state.changed_ns = std::max({state.changed_ns, modified, changed});
  }
  return state;
}

bool is_settled(const FilesState& state) {
  const auto now = std::chrono::system_clock::now().time_since_epoch();
  return std::chrono::nanoseconds(now).count() - state.changed_ns > kSettledNs;
}

std::optional<std::string> read_kept(const fs::path& file) {
  std::ifstream in(file, std::ios::binary);
  std::string digest(kDigits + 1, '\0');
  in.read(digest.data(), static_cast<std::streamsize>(digest.size()));
  digest.resize(static_cast<std::size_t>(in.gcount()));
  if (digest.size() != kDigits ||
      digest.find_first_not_of("0123456789abcdef") != std::string::npos) {
    return std::nullopt;
  }
  return digest;
}

// Keeping is a help, so failing to do so is no error.
void keep(const fs::path& file, const std::string& digest) {
  std::error_code failed;
  fs::create_directories(file.parent_path(), failed);
  if (failed) return;
  try {
    write_file_atomically(file, digest);
  } catch (const Error&) {
    return;
  }
}

}  // namespace

std::string model_digest(const Files& files) { return digest_of(files); }

std::string kept_model_digest(const Files& files,
                              const std::optional<fs::path>& folder) {
  const auto before = state_of(files);
  if (!folder || !before) return digest_of(files);
  const fs::path file =
      *folder /
      ("weights-" + sha256_hex(std::as_bytes(std::span(before->key))));
  if (const auto kept = read_kept(file)) return *kept;
  const bool settled = is_settled(*before);
  const std::string digest = digest_of(files);
  const auto after = state_of(files);
  if (settled && after && after->key == before->key) keep(file, digest);
  return digest;
}

}  // namespace csm::weights
