#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "csm/hub/repository.h"

namespace csm::hub {

/// One repository in the cache that Hugging Face's libraries share:
///
///   models--OWNER--NAME/refs/REVISION          the commit
///   models--OWNER--NAME/snapshots/COMMIT/FILE  -> ../../blobs/ETAG
///   models--OWNER--NAME/blobs/ETAG             contents, ETAG.incomplete first
///   .locks/models--OWNER--NAME/ETAG.lock       while one of them is written
///
/// Source: huggingface_hub's "Understand caching"; tests/cli/pull_test.py
/// compares with huggingface_hub itself.
/// Threads: one thread at a time; processes may share it.
class RepositoryCache {
 public:
  /// root  Settings::cache; need not exist
  RepositoryCache(const std::filesystem::path& root, const Repository& of);

  /// The commit of a revision that has been here, if any.
  [[nodiscard]] std::optional<std::string> commit(
      const std::string& revision) const;
  void set_commit(const std::string& revision, const std::string& commit) const;

  [[nodiscard]] std::filesystem::path snapshot(const std::string& commit) const;
  /// Paths of the files of a snapshot, relative to it, in ascending order; none
  /// if it is not there. Links to nothing do not count.
  [[nodiscard]] std::vector<std::string> files(const std::string& commit) const;

  [[nodiscard]] std::filesystem::path blob(const std::string& etag) const;
  [[nodiscard]] std::filesystem::path incomplete(const std::string& etag) const;

  /// Creates the folders. Throws: Error{kInvalidArgument} naming the one that
  /// cannot be made, as the other members that write.
  void create() const;
  /// Lets snapshots/COMMIT/FILE stand for a blob. `file` is_safe_path().
  void link(const std::string& commit, const std::string& file,
            const std::string& etag) const;

  /// Bytes free where the cache is; nothing if unknown.
  [[nodiscard]] std::optional<std::uint64_t> free_bytes() const;

  [[nodiscard]] const std::filesystem::path& folder() const { return folder_; }
  [[nodiscard]] std::filesystem::path lock_file(const std::string& etag) const;

 private:
  std::filesystem::path folder_;
  std::filesystem::path locks_;
};

/// Sole right to write one blob, as other programs see it too.
class BlobLock {
 public:
  /// Waits until nobody else has it, asking `stop` every tenth of a second, and
  /// calls `waiting` once if it must wait.
  ///
  /// Throws: Error{kInvalidArgument} if the file cannot be made.
  BlobLock(const std::filesystem::path& file, const std::function<bool()>& stop,
           const std::function<void()>& waiting);
  ~BlobLock();
  BlobLock(const BlobLock&) = delete;
  BlobLock& operator=(const BlobLock&) = delete;

  /// False if `stop` said so before it was free.
  [[nodiscard]] bool held() const { return held_; }

 private:
  int file_ = -1;
  bool held_ = false;
};

/// A repository in the cache, as snapshot_of() lists them.
struct CachedRepository {
  std::string id;                      ///< "OWNER/NAME"
  std::vector<std::string> revisions;  ///< that a ref names, ascending
};

/// The models in the cache, ascending; none if it is not there.
[[nodiscard]] std::vector<CachedRepository> cached_repositories(
    const std::filesystem::path& root);

}  // namespace csm::hub
