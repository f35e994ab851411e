#pragma once

#include <cstdint>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "csm/hub/observer.h"
#include "csm/hub/repository.h"
#include "csm/hub/settings.h"

namespace csm::hub {

/// One file of a repository that is in the cache now.
struct PulledFile {
  std::string name;
  std::uint64_t bytes = 0;
  std::string etag;
  bool was_here = false;
};

struct Pulled {
  std::string commit;
  std::filesystem::path folder;  ///< the snapshot
  /// What to load: the folder, or a file of it that was asked for or that has
  /// a name of its own.
  std::filesystem::path model = {};
  std::vector<PulledFile> files = {};
};

/// Brings the files of a repository that csm reads (choose_files()) into the
/// cache, those that are missing there; offline, only looks them up. The
/// revision stands for the commit once all of them are here.
///
/// retries  of each request that a network or a busy server refuses
/// Returns nothing if the observer stopped it; what has come is kept, and the
/// next pull goes on from there.
/// Throws: as Client, download() and choose_files(); Error{kExhausted} before
/// the download if the disk has too little room; offline Error{kNotFound} if a
/// file is missing.
[[nodiscard]] std::optional<Pulled> pull(const Settings& settings,
                                         const Repository& repository,
                                         int retries, const Observer& observer);

/// What a repository's name stands for in the cache; nothing if its files are
/// not all here.
///
/// Throws: Error{kInvalidArgument} listing the weights if there are several and
/// none is named.
[[nodiscard]] std::optional<Pulled> find_pulled(const Settings& settings,
                                                const Repository& repository);

}  // namespace csm::hub
