#include <CLI/CLI.hpp>
#include <chrono>
#include <ctime>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <sstream>
#include <string>
#include <vector>

#include "cli/commands.h"
#include "cli/console.h"
#include "cli/model_path.h"
#include "cli/voice_options.h"
#include "csm/base/env.h"
#include "csm/base/error.h"
#include "csm/base/str_cat.h"
#include "csm/server/server.h"

namespace csm::cli {
namespace {

namespace fs = std::filesystem;

struct ServeArguments {
  bool demo = false;
  ModelOptions model;
  VoicesFolder voices;
  server::ServerOptions server;
  std::string model_name;
  std::string keys_file;
  bool no_uploads = false;
  bool quiet = false;
};

// "2026-01-31T12:00:00.123Z"
std::string time_now() {
  const auto now = std::chrono::system_clock::now();
  const auto ms = std::chrono::duration_cast<std::chrono::milliseconds>(
                      now.time_since_epoch())
                      .count();
  const std::time_t seconds = ms / 1000;
  std::tm parts{};
  ::gmtime_r(&seconds, &parts);
  char text[32];
  std::strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &parts);
  const std::string thousandths = std::to_string(1000 + ms % 1000);
  return str_cat(text, '.', thousandths.substr(1), 'Z');
}

server::ApiKeys read_keys(const std::string& file) {
  const auto given = read_env("CSM_API_KEYS");
  if (file.empty()) {
    if (!given) return {};
    return server::ApiKeys::parse(*given, "$CSM_API_KEYS");
  }
  if (given) {
    throw UsageError("expected either --api-keys or $CSM_API_KEYS");
  }
  std::ifstream in(file, std::ios::binary);
  std::ostringstream text;
  text << in.rdbuf();
  if (!in) {
    throw Error(ErrorCode::kNotFound,
                str_cat("[cli] expected a file of API keys, got none that can "
                        "be read (",
                        file, ')'));
  }
  return server::ApiKeys::parse(text.str(), file);
}

server::ServerOptions server_options(const ServeArguments& arguments) {
  if (arguments.demo && !arguments.model.model.empty()) {
    throw UsageError("expected either --demo or --model");
  }
  server::ServerOptions options = arguments.server;
  options.model = arguments.model.resolve();
  options.model.encoder = !arguments.no_uploads;
  const fs::path folder = options.model.model_dir;
  options.model_name = arguments.model_name;
  if (options.model_name.empty()) {
    const std::string name = fs::weakly_canonical(folder).filename().string();
    options.model_name = name == "demo" ? "csm-demo" : name;
  }
  options.voices = arguments.voices.library(folder);
  options.version = CSM_VERSION;
  options.keys = read_keys(arguments.keys_file);
  if (!arguments.quiet) {
    options.log = [](const std::string& line) { say(time_now() + " " + line); };
  }
  return options;
}

void run_serve(const ServeArguments& arguments) {
  server::ServerOptions options = server_options(arguments);
  const std::string host = options.host;
  const std::string model = options.model_name;
  server::Server server(std::move(options));
  const std::string shown =
      host.find(':') == std::string::npos ? host : '[' + host + ']';
  say(str_cat("csm: ", model, " speaks at http://", shown, ':', server.port()));
  (void)server.run();
}

void add_limits(CLI::App& command, server::ServerOptions& options) {
  command
      .add_option("--max-streams", options.max_streams,
                  "Streams that speak at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      .add_option("--max-batch", options.max_batch,
                  "Streams of one step of the model")
      ->check(CLI::Range(2, 1024))
      ->capture_default_str();
  command
      .add_option("--max-load", options.max_load,
                  "Share of a frame's 80 ms that a step may be expected to "
                  "take before a stream more is refused")
      ->check(CLI::Range(0.05, 100.0))
      ->capture_default_str();
  command
      .add_option("--max-audio-ms", options.max_audio_ms,
                  "Longest sound that a request may ask for")
      ->check(CLI::Range(80, 86400000))
      ->capture_default_str();
  command
      .add_option("--max-connections", options.max_connections,
                  "Connections that may be open")
      ->check(CLI::Range(1, 65536))
      ->capture_default_str();
  command
      .add_option("--client-streams", options.client_limits.max_streams,
                  "Streams of one client (API key, else address) at once")
      ->check(CLI::Range(1, 4096))
      ->capture_default_str();
  command
      .add_option("--client-requests",
                  options.client_limits.requests_per_minute,
                  "Requests of one client in a minute")
      ->check(CLI::Range(1, 1000000))
      ->capture_default_str();
  command
      .add_option("--head-seconds", options.head_seconds,
                  "How long a client may take for a request's headers")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command
      .add_option("--body-seconds", options.body_seconds,
                  "How long a client may take for a request's body")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command
      .add_option("--idle-seconds", options.idle_seconds,
                  "How long a connection may be silent between requests")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command
      .add_option("--stall-seconds", options.stall_seconds,
                  "A client that takes nothing for so long is given up")
      ->check(CLI::Range(0.1, 3600.0))
      ->capture_default_str();
  command
      .add_option("--drain-seconds", options.drain_seconds,
                  "How long streams may speak on after SIGTERM")
      ->check(CLI::Range(0.0, 3600.0))
      ->capture_default_str();
}

}  // namespace

void add_serve(CLI::App& app) {
  const auto arguments = std::make_shared<ServeArguments>();
  server::ServerOptions& options = arguments->server;
  CLI::App* command = app.add_subcommand(
      "serve", "Speech over HTTP and WebSocket (docs/server-api.md)");
  command->add_flag("--demo", arguments->demo, "Serve the demo model");
  arguments->model.add_to(*command);
  arguments->voices.add_to(*command);
  command->add_option("--host", options.host, "Address to listen on")
      ->capture_default_str();
  command->add_option("--port", options.port, "Port to listen on (0: any free)")
      ->check(CLI::Range(0, 65535))
      ->capture_default_str();
  command->add_option("--model-name", arguments->model_name,
                      "Name of the model for clients (default: its folder's)");
  command->add_option("--api-keys", arguments->keys_file,
                      "File of API keys, one a line with a name behind it "
                      "($CSM_API_KEYS holds such lines itself); default: "
                      "everybody is let in");
  command->add_option("--cors-origin", options.cors_origins,
                      "Origin whose pages may ask, or *");
  command->add_option("--allow-host", options.allowed_hosts,
                      "Name besides localhost that requests may ask for while "
                      "no API keys are set");
  command->add_flag("--no-uploads", arguments->no_uploads,
                    "Take no sound from clients: no new voices, no context");
  add_limits(*command, options);
  command->add_flag("--log-text", options.log_text, "Log what is said, too");
  command->add_flag("--quiet", arguments->quiet, "Log nothing");
  command->callback([arguments] { run_serve(*arguments); });
}

}  // namespace csm::cli
