#include "csm/hub/pull.h"

#include <algorithm>
#include <fstream>
#include <iterator>
#include <system_error>
#include <utility>

#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/hub/cache.h"
#include "csm/hub/choose_files.h"
#include "csm/hub/client.h"
#include "csm/hub/download.h"

namespace csm::hub {
namespace {

namespace fs = std::filesystem;

constexpr std::uintmax_t kMaxIndex = 64UL << 20U;

std::string read_text(const fs::path& path) {
  std::error_code failed;
  if (const auto bytes = fs::file_size(path, failed);
      failed || bytes > kMaxIndex) {
    throw Error(ErrorCode::kCorrupt,
                str_cat("[hub.pull] expected an index of at most ", kMaxIndex,
                        " bytes (", path.string(), ")"));
  }
  std::ifstream file(path, std::ios::binary);
  return {std::istreambuf_iterator<char>(file), {}};
}

// The blob as it is to be; one of another length is a leftover.
bool is_here(const RepositoryCache& cache, const RemoteFile& file) {
  std::error_code failed;
  const auto bytes = fs::file_size(cache.blob(file.etag), failed);
  return !failed && bytes == file.bytes;
}

std::string gigabytes(std::uint64_t bytes) {
  constexpr std::uint64_t kTenth = 100'000'000;
  const std::uint64_t tenths = (bytes + kTenth - 1) / kTenth;
  return str_cat(tenths / 10, ".", tenths % 10, " GB");
}

fs::path model_of(const Choice& choice, const fs::path& folder) {
  return choice.is_usual ? folder : folder / choice.weights;
}

// Pulls one repository. Functions that return a bool return false if stopped.
class Puller {
 public:
  Puller(const Settings& settings, const Repository& repository, int retries,
         const Observer& observer)
      : repository_(repository),
        observer_(observer),
        client_(settings, repository, retries, observer),
        cache_(settings.cache, repository) {}

  std::optional<Pulled> run() {
    const auto listing = client_.list();
    if (!listing) return std::nullopt;
    commit_ = listing->commit;
    const Choice choice =
        choose_files(listing->names, repository_.file, repository_.id());
    cache_.create();
    std::vector<std::string> names = choice.others;
    if (choice.is_index) {
      // Its shards are not known before.
      if (!fetch({choice.weights})) return std::nullopt;
      const std::string path =
          (cache_.snapshot(commit_) / choice.weights).string();
      for (const std::string& shard : shards_of(read_text(path), path)) {
        (void)choose_files(listing->names, shard, repository_.id());
        names.push_back(shard);
      }
    } else {
      names.push_back(choice.weights);
    }
    if (!fetch(names)) return std::nullopt;
    cache_.set_commit(repository_.revision, commit_);
    const fs::path folder = cache_.snapshot(commit_);
    return Pulled{.commit = commit_,
                  .folder = folder,
                  .model = model_of(choice, folder),
                  .files = std::move(files_)};
  }

 private:
  bool fetch(const std::vector<std::string>& names) {
    std::vector<RemoteFile> files;
    std::uint64_t missing = 0;
    for (const std::string& name : names) {
      auto file = client_.file(commit_, name);
      if (!file) return false;
      if (!is_here(cache_, *file)) {
        missing += file->bytes - bytes_here(cache_, *file);
      }
      files.push_back(std::move(*file));
    }
    require_room(missing);
    observer_.expect(missing);
    return std::all_of(files.begin(), files.end(),
                       [&](const RemoteFile& file) { return bring(file); });
  }

  void require_room(std::uint64_t bytes) const {
    const auto free = cache_.free_bytes();
    if (!free || *free >= bytes) return;
    throw Error(ErrorCode::kExhausted,
                str_cat("[hub.pull] expected ", gigabytes(bytes),
                        " free for the download, got ", gigabytes(*free), " (",
                        cache_.folder().string(), ")"));
  }

  bool bring(const RemoteFile& file) {
    PulledFile pulled{.name = file.name,
                      .bytes = file.bytes,
                      .etag = file.etag,
                      .was_here = is_here(cache_, file)};
    if (!pulled.was_here) {
      const BlobLock lock(cache_.lock_file(file.etag), observer_.stop, [&] {
        observer_.note(str_cat("another program downloads ", file.name,
                               ": waiting for it"));
      });
      if (!lock.held()) return false;
      // Somebody else may have brought it meanwhile.
      if (!is_here(cache_, file) &&
          !download(client_, cache_, file, observer_)) {
        return false;
      }
    }
    cache_.link(commit_, file.name, file.etag);
    files_.push_back(std::move(pulled));
    return true;
  }

  const Repository& repository_;
  const Observer& observer_;
  Client client_;
  RepositoryCache cache_;
  std::string commit_;
  std::vector<PulledFile> files_;
};

// Those of `names` that a choice needs; empty if one of them is missing.
std::vector<std::string> names_of(const Choice& choice,
                                  const std::vector<std::string>& names,
                                  const fs::path& folder) {
  std::vector<std::string> out = choice.others;
  out.push_back(choice.weights);
  if (!choice.is_index) return out;
  const std::string path = (folder / choice.weights).string();
  for (const std::string& shard : shards_of(read_text(path), path)) {
    if (!std::binary_search(names.begin(), names.end(), shard)) return {};
    out.push_back(shard);
  }
  return out;
}

}  // namespace

std::optional<Pulled> find_pulled(const Settings& settings,
                                  const Repository& repository) {
  if (settings.cache.empty()) return std::nullopt;
  const RepositoryCache cache(settings.cache, repository);
  const auto commit = cache.commit(repository.revision);
  if (!commit) return std::nullopt;
  const auto names = cache.files(*commit);
  Pulled out{.commit = *commit, .folder = cache.snapshot(*commit)};
  std::vector<std::string> wanted;
  try {
    const Choice choice = choose_files(names, repository.file, repository.id());
    out.model = model_of(choice, out.folder);
    wanted = names_of(choice, names, out.folder);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kNotFound) return std::nullopt;
    throw;
  }
  if (wanted.empty()) return std::nullopt;
  for (const std::string& name : wanted) {
    std::error_code failed;
    const fs::path path = out.folder / name;
    out.files.push_back(
        {.name = name,
         .bytes = fs::file_size(path, failed),
         .etag = fs::read_symlink(path, failed).filename().string(),
         .was_here = true});
  }
  return out;
}

std::optional<Pulled> pull(const Settings& settings,
                           const Repository& repository, int retries,
                           const Observer& observer) {
  if (settings.cache.empty()) {
    throw Error(ErrorCode::kInvalidArgument,
                "[hub.pull] expected a place for models: set HF_HUB_CACHE, "
                "HF_HOME or HOME");
  }
  if (!settings.offline) {
    return Puller(settings, repository, retries, observer).run();
  }
  if (auto found = find_pulled(settings, repository)) return found;
  throw Error(ErrorCode::kNotFound,
              str_cat("[hub.pull] expected ", repository.text(),
                      " in the cache, as HF_HUB_OFFLINE is set, but it is not "
                      "there (",
                      settings.cache.string(), ")"));
}

}  // namespace csm::hub
