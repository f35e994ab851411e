#include <utility>

#include "csm/base/printable.h"
#include "csm/server/routes.h"

namespace csm::server {
namespace {

OrderedJson describe_model(const App& app) {
  const engine::ModelFacts& facts = app.rules.facts;
  return {{"id", app.options.model_name},
          {"object", "model"},
          {"created", 1741824000},
          {"owned_by", "csm"},
          {"speakers", {0, 1}},
          {"sample_rate", facts.sample_rate_hz},
          {"frame_ms", facts.samples_per_frame * 1000 / facts.sample_rate_hz},
          {"n_codebooks", facts.n_codebooks},
          {"n_codes", facts.n_codec_codes},
          {"max_audio_ms", app.rules.max_audio_ms}};
}

}  // namespace

void get_health(const std::shared_ptr<App>&, const HttpRequest&,
                const std::shared_ptr<Responder>& responder) {
  responder->send(json_response({{"status", "ok"}}));
}

void get_ready(const std::shared_ptr<App>& app, const HttpRequest&,
               const std::shared_ptr<Responder>& responder) {
  const auto seconds = app->engine.refusal(true);
  if (!app->draining && !seconds) {
    return responder->send(json_response(
        {{"status", "ready"}, {"streams", app->engine.n_streams()}}));
  }
  responder->send(error_response(
      {.status = 503,
       .type = "server_error",
       .code = app->draining ? "shutting_down" : "overloaded",
       .message = app->draining ? "the server is going down"
                                : "no more streams can be spoken at the moment",
       .param = {},
       .retry_after_s = seconds.value_or(10)}));
}

void get_version(const std::shared_ptr<App>& app, const HttpRequest&,
                 const std::shared_ptr<Responder>& responder) {
  const engine::ModelFacts& facts = app->rules.facts;
  responder->send(json_response(
      {{"version", app->options.version},
       {"model", app->options.model_name},
       {"dtype", engine::to_string(app->options.model.weight_type)},
       {"codebooks", facts.n_codebooks},
       {"codes", facts.n_codec_codes},
       {"sample_rate", facts.sample_rate_hz},
       {"samples_per_frame", facts.samples_per_frame},
       {"max_positions", facts.max_positions},
       {"uploads", app->options.model.encoder}}));
}

void get_metrics(const std::shared_ptr<App>& app, const HttpRequest&,
                 const std::shared_ptr<Responder>& responder) {
  responder->send({.content_type = "text/plain; version=0.0.4; charset=utf-8",
                   .body = app->metrics.text()});
}

void get_models(const std::shared_ptr<App>& app, const HttpRequest&,
                const std::shared_ptr<Responder>& responder) {
  const OrderedJson data = OrderedJson::array({describe_model(*app)});
  responder->send(
      json_response({{"object", "list"}, {"data", data}, {"models", data}}));
}

void get_model(const std::shared_ptr<App>& app, const HttpRequest& request,
               const std::shared_ptr<Responder>& responder) {
  const std::string name = request.path.substr(request.path.rfind('/') + 1);
  if (name == app->options.model_name) {
    return responder->send(json_response(describe_model(*app)));
  }
  throw RequestError(
      {.status = 404,
       .code = "model_not_found",
       .message = "the model '" + printable(name) + "' does not exist here",
       .param = "model"});
}

void send_file(const EmbeddedFile& file, Responder& responder) {
  HttpResponse response = {.content_type = std::string(file.content_type),
                           .body = std::string(file.bytes)};
  response.headers = {
      {"Cache-Control", "no-cache"},
      {"X-Content-Type-Options", "nosniff"},
      {"Referrer-Policy", "no-referrer"},
      {"Content-Security-Policy",
       "default-src 'none'; script-src 'self'; style-src 'self'; img-src "
       "'self'; connect-src 'self' ws: wss:; media-src blob:; base-uri 'none'; "
       "form-action 'none'; frame-ancestors 'none'"}};
  responder.send(std::move(response));
}

}  // namespace csm::server
