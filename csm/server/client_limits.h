#pragma once

#include <map>
#include <optional>
#include <string>

namespace csm::server {

/// How much one client, a key or else an address, may ask for.
///
/// Threads: one thread at a time.
class ClientLimits {
 public:
  struct Rules {
    int max_streams = 32;            ///< at once
    int requests_per_minute = 6000;  ///< on average, and as many at once
  };

  explicit ClientLimits(const Rules& rules) : rules_(rules) {}

  /// Counts a request.
  ///
  /// now      steady seconds
  /// returns  nothing if it may go on; else seconds until it may
  [[nodiscard]] std::optional<int> take_request(const std::string& client,
                                                double now);

  /// Counts a stream until end_stream(). False: the client has enough.
  [[nodiscard]] bool begin_stream(const std::string& client);
  void end_stream(const std::string& client);

 private:
  struct State {
    double tokens = 0;
    double since = 0;
    int n_streams = 0;
  };

  void forget_idle(double now);

  Rules rules_;
  std::map<std::string, State> clients_;
};

}  // namespace csm::server
