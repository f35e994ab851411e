#include <optional>
#include <string>
#include <string_view>

#include "csm/base/printable.h"
#include "csm/server/eleven_socket.h"
#include "csm/server/socket_session.h"
#include "csm/server/speech_socket.h"

namespace csm::server {
namespace {

// The voice of /v1/text-to-speech/{voice}/stream-input.
std::optional<std::string> eleven_voice(std::string_view path) {
  constexpr std::string_view kFront = "/v1/text-to-speech/";
  constexpr std::string_view kBack = "/stream-input";
  if (!path.starts_with(kFront) || !path.ends_with(kBack) ||
      path.size() <= kFront.size() + kBack.size()) {
    return std::nullopt;
  }
  path.remove_prefix(kFront.size());
  path.remove_suffix(kBack.size());
  if (path.find('/') != std::string_view::npos) return std::nullopt;
  return std::string(path);
}

bool is_speech_path(const HttpRequest& request) {
  return request.path == "/v1/audio/speech/stream";
}

}  // namespace

void check_socket_path(const HttpRequest& request) {
  if (is_speech_path(request) || eleven_voice(request.path)) return;
  throw RequestError(
      {.status = 404,
       .code = "not_found",
       .message = "there is no WebSocket at " + printable(request.path),
       .param = {}});
}

std::shared_ptr<SocketSession> open_socket_session(
    const std::shared_ptr<App>& app, const HttpRequest& request,
    const std::shared_ptr<SocketPeer>& peer) {
  if (is_speech_path(request)) {
    return std::make_shared<SpeechSocket>(app, request, peer);
  }
  return std::make_shared<ElevenSocket>(
      app, request, eleven_voice(request.path).value_or(""), peer);
}

}  // namespace csm::server
