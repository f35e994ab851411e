#pragma once

#include <boost/asio/ip/tcp.hpp>
#include <boost/beast/http/message.hpp>
#include <boost/beast/http/string_body.hpp>
#include <memory>

#include "csm/server/app.h"
#include "csm/server/http_message.h"

namespace csm::server {

/// Goes on with a connection as a WebSocket until it ends. Keeps itself alive
/// meanwhile.
///
/// upgrade  the request that asked for it
/// request  the same as handlers see it; has passed check_client() and
///          check_socket_path()
/// Threads: the server's thread.
void serve_socket(
    const std::shared_ptr<App>& app, boost::asio::ip::tcp::socket socket,
    const boost::beast::http::request<boost::beast::http::string_body>& upgrade,
    const HttpRequest& request);

}  // namespace csm::server
