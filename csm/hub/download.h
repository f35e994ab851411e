#pragma once

#include "csm/hub/cache.h"
#include "csm/hub/client.h"
#include "csm/hub/observer.h"

namespace csm::hub {

/// Brings the contents of one file into the cache as a blob, going on where an
/// earlier download ended, and checks them: their length; their SHA-256 if the
/// ETag is one; git's name of them if it is one.
///
/// Returns false if stopped: what has come stays as ETAG.incomplete, for the
/// next time. The caller holds the blob's lock.
/// Throws: as Client; Error{kCorrupt} if the contents are not those that were
/// announced, Error{kExhausted} if they cannot be written.
[[nodiscard]] bool download(Client& client, const RepositoryCache& cache,
                            const RemoteFile& file, const Observer& observer);

/// Bytes of the blob that earlier downloads have left.
[[nodiscard]] std::uint64_t bytes_here(const RepositoryCache& cache,
                                       const RemoteFile& file);

}  // namespace csm::hub
