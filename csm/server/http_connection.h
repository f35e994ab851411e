#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <memory>

#include "csm/server/app.h"

namespace csm::server {

/// Serves the requests of one client's connection, one after the other, until
/// it ends or becomes a WebSocket. Keeps itself alive meanwhile.
///
/// Threads: the server's thread.
void serve_http(const std::shared_ptr<App>& app,
                boost::asio::ip::tcp::socket socket);

}  // namespace csm::server
