#pragma once

#include <string>

#include "csm/server/http_message.h"

namespace csm::server {

/// How the bytes behind a head are framed.
enum class Framing {
  kLength,   ///< Content-Length
  kChunked,  ///< chunks, and trailers behind them
  kClose,    ///< until the connection ends: HTTP/1.0
};

/// The head of an answer, with the empty line behind it.
///
/// trailers  names that will follow the chunks; empty: none
[[nodiscard]] std::string write_head(const HttpResponse& response,
                                     Framing framing, bool keep_alive,
                                     const std::string& trailers = {});

/// One chunk; nothing for no bytes, which would end the answer.
[[nodiscard]] std::string write_chunk(const std::string& bytes);

/// What ends a chunked answer.
[[nodiscard]] std::string write_last_chunk(const Headers& trailers);

}  // namespace csm::server
