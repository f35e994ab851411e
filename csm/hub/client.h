#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "csm/hub/http.h"
#include "csm/hub/observer.h"
#include "csm/hub/patience.h"
#include "csm/hub/repository.h"
#include "csm/hub/settings.h"

namespace csm::hub {

/// A repository at one commit.
struct Listing {
  std::string commit;
  std::vector<std::string> names;  ///< is_safe_path() all of them
};

/// One file of a repository at one commit.
struct RemoteFile {
  std::string name;
  std::string etag;  ///< letters, digits, '-', '_', '.'; names the blob
  std::uint64_t bytes = 0;
  std::string url;
};

/// One answer to a request for contents, after redirects.
struct Contents {
  Response response;
  /// Of X-Linked-ETag, or of ETag if the hub itself answers; else empty.
  std::string etag;
  /// ETag of another host that was redirected to; else empty.
  std::string foreign_etag;
};

/// What a hub says about one repository. The token goes to the hub's own
/// scheme, host and port alone, and only over https or to this machine.
///
/// Threads: one thread at a time.
class Client {
 public:
  /// retries  of each request that a network or a busy server refuses
  Client(const Settings& settings, const Repository& repository, int retries,
         const Observer& observer);

  /// The files at the repository's revision; nothing if stopped.
  ///
  /// Throws, as file(): Error{kNotFound} if the hub knows no such repository,
  /// revision or file, Error{kInvalidArgument} with what to do if it may not be
  /// read, Error{kBackend} if the network or the hub fails, Error{kCorrupt} for
  /// an answer that makes no sense.
  [[nodiscard]] std::optional<Listing> list();

  /// Size and ETag of a file; nothing if stopped.
  [[nodiscard]] std::optional<RemoteFile> file(const std::string& commit,
                                               const std::string& name);

  /// Takes the next bytes of contents; false ends the request.
  using Sink = std::function<bool(const Contents& contents,
                                  std::span<const std::byte> bytes)>;

  /// Contents of a file from the byte `from` on, or all of them if the server
  /// does not give parts or they are not those of the ETag any more (foreign
  /// for another host that was redirected to; empty: not known). One try; an
  /// answer that is not ok() and that Patience does not help with is thrown as
  /// by list(), but for 416.
  [[nodiscard]] Contents get(const RemoteFile& file, std::uint64_t from,
                             const std::string& foreign_etag, const Sink& sink);

  [[nodiscard]] Patience patience() const { return {retries_, observer_}; }

 private:
  [[nodiscard]] std::vector<std::string> headers(const std::string& url) const;
  [[nodiscard]] bool is_own(const std::string& url) const;
  std::optional<std::string> text(const std::string& url);
  [[noreturn]] void refuse(const Response& response,
                           const std::string& what) const;
  [[noreturn]] void refuse_access(const Response& response) const;
  [[nodiscard]] std::string next_place(const Response& response,
                                       const std::string& url,
                                       int n_hops) const;

  Settings settings_;
  Repository repository_;
  int retries_;
  const Observer& observer_;
  HttpClient http_;
  std::string origin_;
  bool token_may_go_;
};

}  // namespace csm::hub
