#include "csm/server/server.h"

#include <boost/asio/io_context.hpp>
#include <boost/asio/ip/tcp.hpp>
#include <boost/asio/post.hpp>
#include <boost/asio/signal_set.hpp>
#include <csignal>
#include <mutex>
#include <optional>
#include <utility>

#include "csm/base/str_cat.h"
#include "csm/server/app.h"
#include "csm/server/deadline.h"
#include "csm/server/http_connection.h"

namespace csm::server {
namespace {

namespace asio = boost::asio;
using asio::ip::tcp;
using boost::system::error_code;

constexpr double kDrainLook = 0.05;
constexpr double kAcceptAgain = 0.1;

// The way to the network's thread, as long as there is one.
class Post {
 public:
  explicit Post(asio::io_context& context) : context_(&context) {}

  void operator()(std::function<void()> function) {
    const std::lock_guard lock(mutex_);
    if (context_ != nullptr) asio::post(*context_, std::move(function));
  }

  void end() {
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
  }

 private:
  std::mutex mutex_;  // guards context_
  asio::io_context* context_;
};

[[noreturn]] void cannot_listen(const ServerOptions& options,
                                const std::string& why) {
  throw Error(ErrorCode::kInvalidArgument,
              str_cat("[server] expected an address to listen on, got ",
                      options.host, " port ", options.port, ": ", why));
}

tcp::acceptor listen(asio::io_context& context, const ServerOptions& options) {
  error_code failed;
  const std::string host =
      options.host == "localhost" ? "127.0.0.1" : options.host;
  const auto address = asio::ip::make_address(host, failed);
  if (failed) cannot_listen(options, failed.message());
  const tcp::endpoint endpoint(address,
                               static_cast<unsigned short>(options.port));
  tcp::acceptor acceptor(context);
  acceptor.open(endpoint.protocol(), failed);
  if (!failed) acceptor.set_option(tcp::acceptor::reuse_address(true), failed);
  if (!failed) acceptor.bind(endpoint, failed);
  if (!failed) {
    acceptor.listen(asio::socket_base::max_listen_connections, failed);
  }
  if (failed) cannot_listen(options, failed.message());
  return acceptor;
}

}  // namespace

struct Server::Parts {
  explicit Parts(ServerOptions options)
      : acceptor(listen(context, options)),
        signals(context),
        pause(context.get_executor()),
        post(std::make_shared<Post>(context)),
        app(std::make_shared<App>(std::move(options),
                                  [post = post](std::function<void()> f) {
                                    (*post)(std::move(f));
                                  })) {}

  ~Parts() {
    post->end();
    app->connections.close_all();
    // What they still do may hold the last pointer to the app, which could not
    // wait for their threads from within.
    app->chores.stop();
    app->engine.stop();
  }

  void accept();
  void tidy() const;
  void warn() const;
  void wait_for_signal();
  void drain(double until);

  asio::io_context context{1};
  tcp::acceptor acceptor;
  asio::signal_set signals;
  Deadline pause;
  std::shared_ptr<Post> post;
  std::shared_ptr<App> app;
  int signal = 0;
};

void Server::Parts::accept() {
  acceptor.async_accept([this](error_code failed, tcp::socket socket) {
    if (!acceptor.is_open()) return;
    if (failed) {
      // Out of descriptors, most likely: others will end.
      return pause.set(kAcceptAgain, [this] { accept(); });
    }
    if (app->connections.size() < app->options.max_connections) {
      serve_http(app, std::move(socket));
    }
    accept();
  });
}

void Server::Parts::tidy() const {
  const int n_files = app->options.voices.tidy();
  if (n_files == 0) return;
  app->log(str_cat("voices: removed ", n_files,
                   " half-written files of a process that was killed"));
}

void Server::Parts::warn() const {
  error_code failed;
  const auto address = acceptor.local_endpoint(failed).address();
  if (address.is_loopback() || !app->options.keys.empty()) return;
  app->log(str_cat("warning=\"everybody who reaches ", address.to_string(),
                   " may speak: there are no API keys (--api-keys)\""));
}

void Server::Parts::wait_for_signal() {
  signals.async_wait([this](error_code failed, int number) {
    if (failed) return;
    if (signal != 0) return context.stop();
    signal = number;
    app->draining = true;
    app->log(str_cat("signal=", number,
                     " draining streams=", app->engine.n_streams()));
    error_code ignored;
    acceptor.close(ignored);
    drain(now_seconds() + app->options.drain_seconds);
    wait_for_signal();
  });
}

void Server::Parts::drain(double until) {
  const bool is_done = app->n_busy == 0 && app->engine.n_streams() == 0;
  if (!is_done && now_seconds() < until) {
    return pause.set(kDrainLook, [this, until] { drain(until); });
  }
  app->connections.close_all();
  // Those that say goodbye get a moment.
  pause.set(kDrainLook, [this] { context.stop(); });
}

Server::Server(ServerOptions options) : parts_(new Parts(std::move(options))) {}

Server::~Server() = default;

int Server::port() const {
  error_code failed;
  return parts_->acceptor.local_endpoint(failed).port();
}

int Server::run() {
  parts_->signals.add(SIGINT);
  parts_->signals.add(SIGTERM);
  parts_->wait_for_signal();
  parts_->tidy();
  parts_->warn();
  parts_->accept();
  parts_->context.run();
  return parts_->signal;
}

}  // namespace csm::server
