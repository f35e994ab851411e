#include "csm/server/client_limits.h"

#include <algorithm>
#include <cmath>

namespace csm::server {
namespace {

constexpr double kMinute = 60;
constexpr std::size_t kManyClients = 4096;

}  // namespace

// Whose tokens are full again is as one that was never here.
void ClientLimits::forget_idle(double now) {
  std::erase_if(clients_, [&](const auto& item) {
    return item.second.n_streams == 0 && now - item.second.since > kMinute;
  });
}

std::optional<int> ClientLimits::take_request(const std::string& client,
                                              double now) {
  if (clients_.size() >= kManyClients) forget_idle(now);
  const double limit = rules_.requests_per_minute;
  const auto [found, is_new] = clients_.try_emplace(client);
  State& state = found->second;
  if (is_new) {
    state.tokens = limit;
  } else {
    state.tokens =
        std::min(limit, state.tokens + (now - state.since) * limit / kMinute);
  }
  state.since = now;
  if (state.tokens < 1) {
    const double seconds = (1 - state.tokens) * kMinute / limit;
    return static_cast<int>(std::ceil(std::max(1.0, seconds)));
  }
  state.tokens -= 1;
  return std::nullopt;
}

bool ClientLimits::begin_stream(const std::string& client) {
  State& state = clients_[client];
  if (state.n_streams >= rules_.max_streams) return false;
  ++state.n_streams;
  return true;
}

void ClientLimits::end_stream(const std::string& client) {
  const auto found = clients_.find(client);
  if (found != clients_.end()) --found->second.n_streams;
}

}  // namespace csm::server
