#include "csm/server/http_connection.h"

#include <algorithm>
#include <array>
#include <boost/asio/read.hpp>
#include <boost/beast/core/flat_buffer.hpp>
#include <boost/beast/http/parser.hpp>
#include <boost/beast/http/read.hpp>
#include <boost/beast/http/string_body.hpp>
#include <boost/beast/websocket/rfc6455.hpp>
#include <iomanip>
#include <limits>
#include <optional>
#include <random>
#include <sstream>
#include <utility>

#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/server/deadline.h"
#include "csm/server/http_head.h"
#include "csm/server/router.h"
#include "csm/server/socket_connection.h"
#include "csm/server/socket_session.h"
#include "csm/server/write_queue.h"

namespace csm::server {
namespace {

namespace asio = boost::asio;
namespace beast = boost::beast;
namespace http = beast::http;
using asio::ip::tcp;
using boost::system::error_code;

constexpr std::uint32_t kMaxHead = 16384;
// Of requests that come before their turn.
constexpr std::size_t kMaxAhead = 65536;
// Of a body that nobody will read.
constexpr std::size_t kIgnoredBody = 4096;
constexpr std::size_t kMaxIgnored = std::size_t{32} << 20U;
constexpr double kLingerSeconds = 2;

std::string new_id() {
  static thread_local std::mt19937_64 random{std::random_device{}()};
  std::ostringstream out;
  out << "req_" << std::hex << std::setfill('0') << std::setw(16) << random();
  return std::move(out).str();
}

template <class View>
std::string as_string(const View& view) {
  return {view.data(), view.size()};
}

class Connection;

// The answer to one request, as long as its connection wants it.
class Answer : public Responder {
 public:
  explicit Answer(std::shared_ptr<Connection> connection)
      : connection_(std::move(connection)) {}

  void send(HttpResponse response) override;
  void begin(HttpResponse head, const std::string& trailers) override;
  void write(std::string bytes, std::function<void()> sent) override;
  void finish(const Headers& trailers) override;
  void abort() override;
  void on_gone(std::function<void()> gone) override { gone_ = std::move(gone); }

  // The client has left.
  void leave() {
    connection_.reset();
    if (const auto gone = std::exchange(gone_, nullptr)) gone();
  }

 private:
  void end();

  std::shared_ptr<Connection> connection_;  // null: nobody wants it any more
  std::function<void()> gone_;
  Framing framing_ = Framing::kLength;
};

class Connection : public std::enable_shared_from_this<Connection> {
 public:
  Connection(std::shared_ptr<App> app, tcp::socket socket)
      : app_(std::move(app)),
        socket_(std::move(socket)),
        reading_(socket_.get_executor()),
        out_(socket_, app_->options.stall_seconds) {}

  ~Connection() {
    app_->connections.remove(id_);
    app_->metrics.on_connections(app_->connections.size());
  }

  void start();

 private:
  friend class Answer;
  using Parser = http::request_parser<http::string_body>;

  void read_head();
  void on_head(error_code failed);
  void decide();
  void read_body();
  void on_body(error_code failed);
  void upgrade();
  void run_handler();
  void refuse(const ApiError& error);
  void watch();
  void on_readable(error_code failed);
  void read_ahead(std::size_t n_bytes);
  void finish_answer();
  void linger();
  void drain(std::size_t n_drained);
  void close_in(double seconds);
  void close();
  void note_head(int status);

  std::shared_ptr<App> app_;
  tcp::socket socket_;
  Deadline reading_;
  WriteQueue out_;
  beast::flat_buffer buffer_;
  std::optional<Parser> parser_;
  HttpRequest request_;
  Route route_;
  std::string address_;
  std::shared_ptr<Answer> answer_;
  std::size_t body_budget_ = 0;
  ConnectionSet::Id id_ = 0;
  bool keep_alive_ = false;
  bool is_http10_ = false;
  bool is_watching_ = false;
  bool is_reading_ = false;  // a request, or what is left of one
  bool body_unread_ = false;
  int status_ = 0;
};

// --- Answer ---

void Answer::send(HttpResponse response) {
  if (connection_ == nullptr) return;
  Connection& to = *connection_;
  to.note_head(response.status);
  response.headers.emplace_back("x-request-id", to.request_.id);
  for (auto& header : cors_headers(*to.app_, to.request_)) {
    response.headers.push_back(std::move(header));
  }
  std::string bytes = write_head(response, Framing::kLength, to.keep_alive_);
  if (to.request_.method != "HEAD") bytes += response.body;
  to.out_.push(std::move(bytes),
               [connection = connection_] { connection->finish_answer(); });
  end();
}

void Answer::begin(HttpResponse head, const std::string& trailers) {
  if (connection_ == nullptr) return;
  Connection& to = *connection_;
  framing_ = to.is_http10_ ? Framing::kClose : Framing::kChunked;
  if (to.is_http10_) to.keep_alive_ = false;
  to.note_head(head.status);
  head.headers.emplace_back("x-request-id", to.request_.id);
  for (auto& header : cors_headers(*to.app_, to.request_)) {
    head.headers.push_back(std::move(header));
  }
  to.out_.push(write_head(head, framing_, to.keep_alive_, trailers), nullptr);
}

void Answer::write(std::string bytes, std::function<void()> sent) {
  if (connection_ == nullptr) return;
  if (framing_ == Framing::kChunked) bytes = write_chunk(bytes);
  connection_->out_.push(std::move(bytes), std::move(sent));
}

void Answer::finish(const Headers& trailers) {
  if (connection_ == nullptr) return;
  connection_->out_.push(
      framing_ == Framing::kChunked ? write_last_chunk(trailers) : "",
      [connection = connection_] { connection->finish_answer(); });
  end();
}

void Answer::abort() {
  if (const auto connection = connection_) connection->close();
}

// Nothing is added any more; what was written is on its way.
void Answer::end() { connection_.reset(); }

// --- Connection ---

void Connection::start() {
  error_code failed;
  const auto remote = socket_.remote_endpoint(failed);
  if (!failed) address_ = remote.address().to_string();
  socket_.set_option(tcp::no_delay(true), failed);
  id_ = app_->connections.add([weak = weak_from_this()] {
    if (const auto open = weak.lock()) open->close();
  });
  app_->metrics.on_connections(app_->connections.size());
  out_.start(weak_from_this(), [this] { close(); });
  read_head();
}

void Connection::read_head() {
  is_reading_ = true;
  parser_.emplace();
  parser_->header_limit(kMaxHead);
  // Not none, which Boost 1.74 takes for 0.
  parser_->body_limit(std::numeric_limits<std::uint64_t>::max());
  request_ = {};
  route_ = {};
  body_unread_ = false;
  status_ = 0;
  close_in(app_->options.head_seconds);
  http::async_read_header(
      socket_, buffer_, *parser_,
      [self = shared_from_this()](error_code failed, std::size_t) {
        self->on_head(failed);
      });
}

void Connection::on_head(error_code failed) {
  reading_.clear();
  request_.id = new_id();
  request_.arrived = now_seconds();
  request_.client = address_;
  if (failed == http::error::header_limit) {
    keep_alive_ = false;
    body_unread_ = true;
    return refuse(
        {.status = 431,
         .code = "headers_too_large",
         .message = str_cat("expected headers of at most ", kMaxHead, " bytes"),
         .param = {}});
  }
  if (failed &&
      failed.category() ==
          make_error_code(http::error::bad_method).category() &&
      failed != http::error::end_of_stream &&
      failed != http::error::partial_message) {
    keep_alive_ = false;
    body_unread_ = true;
    return refuse(
        bad_request("malformed_request", "", "expected an HTTP/1.1 request"));
  }
  if (failed) return close();
  const auto& head = parser_->get();
  keep_alive_ = head.keep_alive() && !app_->draining;
  is_http10_ = head.version() < 11;
  request_.method = as_string(head.method_string());
  for (const auto& field : head) {
    request_.headers.emplace_back(as_string(field.name_string()),
                                  as_string(field.value()));
  }
  decide();
}

void Connection::decide() {
  try {
    if (!read_target(as_string(parser_->get().target()), request_)) {
      throw RequestError(bad_request("malformed_request", "",
                                     "expected a target that can be decoded"));
    }
    if (beast::websocket::is_upgrade(parser_->get())) return upgrade();
    route_ = find_route(*app_, request_);
    const std::size_t limit = std::max(route_.max_body, kIgnoredBody);
    const auto length = parser_->content_length();
    if (length && *length > limit) {
      throw RequestError({.status = 413,
                          .code = "request_too_large",
                          .message = str_cat("expected a body of at most ",
                                             limit, " bytes, got ", *length),
                          .param = {}});
    }
    parser_->body_limit(limit);
    body_budget_ = length ? static_cast<std::size_t>(*length) : limit;
    if (parser_->is_done()) body_budget_ = 0;
    app_->take_body(body_budget_);
  } catch (const Error& error) {
    body_budget_ = 0;
    if (!parser_->is_done()) {
      keep_alive_ = false;
      body_unread_ = true;
    }
    return refuse(api_error_of(error));
  }
  read_body();
}

void Connection::upgrade() {
  // A page cannot set headers here.
  const auto key = request_.query.find("api_key");
  if (key != request_.query.end()) {
    request_.headers.emplace_back("X-API-Key", key->second);
  }
  check_client(*app_, request_);
  check_socket_path(request_);
  app_->log(str_cat("id=", request_.id, " client=", request_.client,
                    " websocket=", printable(request_.path)));
  app_->metrics.on_request("websocket", 101);
  serve_socket(app_, std::move(socket_), parser_->get(), request_);
}

void Connection::read_body() {
  if (as_string(parser_->get()[http::field::expect]) == "100-continue" &&
      !parser_->is_done()) {
    out_.push("HTTP/1.1 100 Continue\r\n\r\n", nullptr);
  }
  close_in(app_->options.body_seconds);
  http::async_read(socket_, buffer_, *parser_,
                   [self = shared_from_this()](error_code failed, std::size_t) {
                     self->on_body(failed);
                   });
}

void Connection::on_body(error_code failed) {
  reading_.clear();
  app_->give_body(std::exchange(body_budget_, 0));
  if (failed == http::error::body_limit) {
    keep_alive_ = false;
    body_unread_ = true;
    return refuse({.status = 413,
                   .code = "request_too_large",
                   .message = "the body is too large",
                   .param = {}});
  }
  if (failed &&
      failed.category() ==
          make_error_code(http::error::bad_method).category() &&
      failed != http::error::partial_message) {
    keep_alive_ = false;
    body_unread_ = true;
    return refuse(bad_request("malformed_request", "",
                              "expected a body as its headers say"));
  }
  if (failed) return close();
  request_.body = std::move(parser_->get().body());
  run_handler();
}

void Connection::run_handler() {
  is_reading_ = false;
  answer_ = std::make_shared<Answer>(shared_from_this());
  ++app_->n_busy;
  watch();
  const auto answer = answer_;
  try {
    route_.handler(app_, request_, answer);
  } catch (const Error& error) {
    if (error.code() == ErrorCode::kBackend ||
        error.code() == ErrorCode::kInternal) {
      app_->log(str_cat("id=", request_.id, " error=", error.what()));
    }
    answer->send(error_response(api_error_of(error)));
  }
  request_.body = {};
}

// Before there is a handler.
void Connection::refuse(const ApiError& error) {
  is_reading_ = false;
  answer_ = std::make_shared<Answer>(shared_from_this());
  ++app_->n_busy;
  const auto answer = answer_;
  answer->send(error_response(error));
}

// Notices that the client leaves, or sends its next request.
void Connection::watch() {
  if (is_watching_) return;
  is_watching_ = true;
  socket_.async_wait(tcp::socket::wait_read,
                     [self = shared_from_this()](error_code failed) {
                       self->is_watching_ = false;
                       self->on_readable(failed);
                     });
}

void Connection::on_readable(error_code failed) {
  // Who reads a request sees its end, too.
  if (failed || !socket_.is_open() || is_reading_) return;
  const std::size_t n_bytes = socket_.available(failed);
  if (failed || n_bytes == 0) return close();
  if (answer_ == nullptr) return read_head();
  read_ahead(n_bytes);
}

// A request that comes before its predecessor is answered waits here, so that
// it does not hide that the client leaves.
void Connection::read_ahead(std::size_t n_bytes) {
  const std::size_t room =
      kMaxAhead - std::min<std::size_t>(kMaxAhead, buffer_.size());
  if (room == 0) return;
  error_code failed;
  const std::size_t n =
      socket_.read_some(buffer_.prepare(std::min(n_bytes, room)), failed);
  if (failed) return close();
  buffer_.commit(n);
  watch();
}

void Connection::note_head(int status) { status_ = status; }

void Connection::finish_answer() {
  if (answer_ == nullptr) return;
  answer_.reset();
  --app_->n_busy;
  app_->metrics.on_request(route_.name.empty() ? "none" : route_.name, status_);
  std::ostringstream line;
  line << "id=" << request_.id << " client=" << request_.client << ' '
       << printable(request_.method, 16) << ' ' << printable(request_.path, 120)
       << " status=" << status_ << " ms=" << std::fixed << std::setprecision(1)
       << 1000 * (now_seconds() - request_.arrived);
  app_->log(line.str());
  if (!keep_alive_ || app_->draining) return linger();
  if (buffer_.size() > 0) return read_head();
  close_in(app_->options.idle_seconds);
  watch();
}

// Lets the client read the answer before the connection ends: what it still
// sends is thrown away for a while.
void Connection::linger() {
  error_code ignored;
  socket_.shutdown(tcp::socket::shutdown_send, ignored);
  if (!body_unread_) return close();
  close_in(kLingerSeconds);
  is_reading_ = true;
  drain(0);
}

void Connection::drain(std::size_t n_drained) {
  auto waste = std::make_shared<std::array<char, 16384>>();
  socket_.async_read_some(asio::buffer(*waste),
                          [self = shared_from_this(), waste, n_drained](
                              error_code failed, std::size_t n) {
                            if (failed || n_drained + n > kMaxIgnored)
                              return self->close();
                            self->drain(n_drained + n);
                          });
}

void Connection::close_in(double seconds) {
  reading_.set(seconds, [weak = weak_from_this()] {
    if (const auto open = weak.lock()) open->close();
  });
}

void Connection::close() {
  reading_.clear();
  error_code ignored;
  socket_.close(ignored);
  out_.clear();
  app_->give_body(std::exchange(body_budget_, 0));
  if (const auto answer = std::exchange(answer_, nullptr)) {
    --app_->n_busy;
    app_->metrics.on_request(route_.name.empty() ? "none" : route_.name, 499);
    app_->log(str_cat("id=", request_.id, " client=", request_.client,
                      " gone path=", printable(request_.path)));
    answer->leave();
  }
}

}  // namespace

void serve_http(const std::shared_ptr<App>& app, tcp::socket socket) {
  std::make_shared<Connection>(app, std::move(socket))->start();
}

}  // namespace csm::server
