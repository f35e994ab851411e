#include "csm/server/socket_connection.h"

#include <boost/asio/buffer.hpp>
#include <boost/beast/core/buffers_to_string.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <boost/beast/websocket/stream.hpp>
#include <chrono>
#include <deque>
#include <string>
#include <utility>

#include "csm/server/deadline.h"
#include "csm/server/socket_session.h"

namespace csm::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace websocket = beast::websocket;
using asio::ip::tcp;
using boost::system::error_code;

// Messages that have not left: a client that makes us answer and reads nothing
// goes.
constexpr std::size_t kMaxWaiting = 1024;

class SocketConnection;

class Peer : public SocketPeer {
 public:
  explicit Peer(std::weak_ptr<SocketConnection> connection)
      : connection_(std::move(connection)) {}

  void send_text(std::string text) override {
    send_text(std::move(text), nullptr);
  }
  void send_text(std::string text, std::function<void()> sent) override;
  void send_binary(std::string bytes, std::function<void()> sent) override;
  void close(int code, const std::string& reason) override;

 private:
  std::weak_ptr<SocketConnection> connection_;
};

class SocketConnection : public std::enable_shared_from_this<SocketConnection> {
 public:
  SocketConnection(std::shared_ptr<App> app, tcp::socket socket)
      : app_(std::move(app)),
        stream_(std::move(socket)),
        stall_(stream_.get_executor()) {}

  ~SocketConnection() {
    app_->connections.remove(id_);
    app_->metrics.on_connections(app_->connections.size());
  }

  template <class Request>
  void start(const Request& upgrade, const HttpRequest& request) {
    id_ = app_->connections.add([weak = weak_from_this()] {
      if (const auto open = weak.lock()) open->goodbye(1001, "going down");
    });
    app_->metrics.on_connections(app_->connections.size());
    auto timeout =
        websocket::stream_base::timeout::suggested(beast::role_type::server);
    timeout.idle_timeout = std::chrono::milliseconds(
        static_cast<int>(app_->options.idle_seconds * 1000));
    timeout.keep_alive_pings = true;
    stream_.set_option(timeout);
    stream_.auto_fragment(false);
    stream_.read_message_max(app_->options.max_json_bytes);
    // A goodbye counts at once; read() ends only when it is answered, behind
    // what is being written.
    stream_.control_callback(
        [this](websocket::frame_type kind, beast::string_view) {
          if (kind == websocket::frame_type::close) leave();
        });
    stream_.async_accept(
        upgrade, [self = shared_from_this(), request](error_code failed) {
          if (failed) return;
          try {
            self->session_ = open_socket_session(
                self->app_, request,
                std::make_shared<Peer>(self->weak_from_this()));
          } catch (const Error& error) {
            self->send(dump(to_json(api_error_of(error))), true, nullptr);
            return self->goodbye(1008, "refused");
          }
          self->read();
        });
  }

  void send(std::string bytes, bool is_text, std::function<void()> sent) {
    if (is_closing_) return;
    if (waiting_.size() >= kMaxWaiting) return drop();
    waiting_.push_back({std::move(bytes), is_text, std::move(sent)});
    if (!is_writing_) write();
  }

  void goodbye(int code, const std::string& reason) {
    if (is_closing_) return;
    is_closing_ = true;
    code_ = websocket::close_reason(static_cast<websocket::close_code>(code),
                                    reason);
    if (!is_writing_) close();
  }

 private:
  struct Message {
    std::string bytes;
    bool is_text = true;
    std::function<void()> sent;
  };

  void read() {
    stream_.async_read(
        buffer_, [self = shared_from_this()](error_code failed, std::size_t) {
          if (failed) return self->gone();
          const std::string message =
              beast::buffers_to_string(self->buffer_.cdata());
          self->buffer_.consume(self->buffer_.size());
          if (!self->stream_.got_text()) {
            return self->goodbye(1003, "expected text messages");
          }
          self->session_->on_text(message);
          self->read();
        });
  }

  void write() {
    is_writing_ = true;
    stall_.set(app_->options.stall_seconds, [weak = weak_from_this()] {
      if (const auto open = weak.lock()) open->drop();
    });
    stream_.text(waiting_.front().is_text);
    stream_.async_write(
        asio::buffer(waiting_.front().bytes),
        [self = shared_from_this()](error_code failed, std::size_t) {
          self->wrote(failed);
        });
  }

  void wrote(error_code failed) {
    is_writing_ = false;
    stall_.clear();
    if (failed) return gone();
    const auto sent = std::move(waiting_.front().sent);
    waiting_.pop_front();
    if (!waiting_.empty()) {
      write();
    } else if (is_closing_ && !has_left_) {
      close();
    }
    if (sent) sent();
  }

  void close() {
    stream_.async_close(
        code_, [self = shared_from_this()](error_code) { self->gone(); });
  }

  // The client has said goodbye: it gets nothing more but its answer.
  void leave() {
    has_left_ = true;
    waiting_.resize(is_writing_ ? 1 : 0);
    gone();
  }

  // Without goodbye.
  void drop() {
    error_code ignored;
    stream_.next_layer().close(ignored);
    gone();
  }

  void gone() {
    is_closing_ = true;
    if (const auto session = std::exchange(session_, nullptr)) {
      session->on_gone();
    }
  }

  std::shared_ptr<App> app_;
  websocket::stream<tcp::socket> stream_;
  Deadline stall_;
  beast::flat_buffer buffer_;
  std::deque<Message> waiting_;
  std::shared_ptr<SocketSession> session_;
  websocket::close_reason code_;
  ConnectionSet::Id id_ = 0;
  bool is_writing_ = false;
  bool is_closing_ = false;
  bool has_left_ = false;
};

void Peer::send_text(std::string text, std::function<void()> sent) {
  if (const auto open = connection_.lock()) {
    open->send(std::move(text), true, std::move(sent));
  }
}

void Peer::send_binary(std::string bytes, std::function<void()> sent) {
  if (const auto open = connection_.lock()) {
    open->send(std::move(bytes), false, std::move(sent));
  }
}

void Peer::close(int code, const std::string& reason) {
  if (const auto open = connection_.lock()) open->goodbye(code, reason);
}

}  // namespace

void serve_socket(const std::shared_ptr<App>& app, tcp::socket socket,
                  const beast::http::request<beast::http::string_body>& upgrade,
                  const HttpRequest& request) {
  std::make_shared<SocketConnection>(app, std::move(socket))
      ->start(upgrade, request);
}

}  // namespace csm::server
