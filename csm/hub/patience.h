#pragma once

#include <chrono>
#include <string>

#include "csm/hub/http.h"
#include "csm/hub/observer.h"

namespace csm::hub {

/// Trying again what a network or a busy server refused, a bounded number of
/// times: after half a second, doubled each time, or when Retry-After says.
class Patience {
 public:
  /// tries  after the first; at least 0
  Patience(int tries, const Observer& observer)
      : tries_(tries), observer_(observer) {}

  /// True for an answer that may be another one later: no whole answer, 408,
  /// 429, 500, 502, 503, 504.
  [[nodiscard]] static bool may_help(const Response& response);

  /// Waits and counts. False if the observer stopped it.
  ///
  /// Throws: Error{kBackend} saying what `where` answered once the tries are
  /// used up or the server asks for more than five minutes.
  [[nodiscard]] bool wait(const Response& response, const std::string& where);

  /// Something came after all: the count begins anew.
  void reset() { used_ = 0; }

 private:
  int tries_;
  const Observer& observer_;
  int used_ = 0;
};

/// The wait that a Retry-After header asks for: seconds, or a date after
/// `now`; none if it is neither.
[[nodiscard]] std::optional<std::chrono::seconds> retry_after(
    const std::string& header, std::chrono::system_clock::time_point now);

}  // namespace csm::hub
