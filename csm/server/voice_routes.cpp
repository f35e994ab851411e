#include <charconv>
#include <memory>
#include <optional>
#include <string>
#include <system_error>
#include <utility>
#include <vector>

#include "csm/base/str_cat.h"
#include "csm/server/multipart.h"
#include "csm/server/routes.h"
#include "csm/server/sound_encoding.h"
#include "csm/server/uploaded_sound.h"

namespace csm::server {
namespace {

constexpr int kMaxVoiceSeconds = 60;
constexpr int kEncodeFrames = 2;  // between two steps

// A voice on its way from an upload to a file.
struct NewVoice {
  std::string name;
  std::string upload;  // bytes of a sound file
  engine::Utterance utterance;
  bool replace = false;
  std::vector<float> samples;
  std::optional<SoundEncoding> encoding;  // the engine's thread
  std::optional<engine::Voice> voice;
};

using Making = std::shared_ptr<NewVoice>;
using AppPtr = std::shared_ptr<App>;
using ResponderPtr = std::shared_ptr<Responder>;

std::string voice_name(const HttpRequest& request) {
  return request.path.substr(request.path.rfind('/') + 1);
}

[[noreturn]] void missing(const std::string& field, const std::string& what) {
  throw RequestError(
      bad_request("missing_required_field", field,
                  str_cat("expected the field ", field, ", ", what)));
}

int read_speaker(std::string_view text) {
  int speaker = -1;
  const auto read =
      std::from_chars(text.data(), text.data() + text.size(), speaker);
  if (read.ec == std::errc() && read.ptr == text.data() + text.size() &&
      speaker >= 0 && speaker <= kMaxSpeaker) {
    return speaker;
  }
  throw RequestError(
      bad_request("invalid_value", "speaker",
                  str_cat("expected speaker to be 0 to ", kMaxSpeaker)));
}

Making read_new_voice(const App& app, const HttpRequest& request) {
  auto making = std::make_shared<NewVoice>();
  for (const FormPart& part :
       read_form(find_header(request.headers, "Content-Type"), request.body)) {
    if (part.name == "name") making->name = part.data;
    if (part.name == "ref_text") making->utterance.text = part.data;
    if (part.name == "audio_sample") making->upload = part.data;
    if (part.name == "replace") making->replace = part.data == "true";
    if (part.name == "speaker") {
      making->utterance.speaker = read_speaker(part.data);
    }
  }
  if (making->name.empty()) missing("name", "of the voice");
  if (making->upload.empty()) missing("audio_sample", "a sound file");
  if (making->utterance.text.empty()) {
    missing("ref_text", "what is said in audio_sample");
  }
  check_input(making->utterance.text, "ref_text");
  if (making->upload.size() > app.options.max_upload_bytes) {
    throw RequestError(
        {.status = 413,
         .code = "request_too_large",
         .message = str_cat("expected audio_sample of at most ",
                            app.options.max_upload_bytes, " bytes"),
         .param = "audio_sample"});
  }
  return making;
}

void keep(const AppPtr& app, const Making& making,
          const ResponderPtr& responder) {
  auto described = std::make_shared<OrderedJson>();
  app->chores.run(
      [app, making, described] {
        app->voices.put(making->name, *making->voice, making->replace);
        *described = app->voices.describe(making->name).value();
      },
      [described, responder](const std::optional<ApiError>& error) {
        responder->send(error ? error_response(*error)
                              : json_response(*described));
      });
}

// On the engine's thread, bit by bit: each time it asks to be called again.
void encode(const AppPtr& app, const Making& making,
            const std::function<void(std::optional<ApiError>)>& done,
            engine::Engine& engine) {
  try {
    if (!making->encoding) {
      making->encoding.emplace(engine, std::move(making->samples));
    }
    if (making->encoding->advance(kEncodeFrames)) {
      return app->engine.run([app, making, done](engine::Engine& again) {
        encode(app, making, done, again);
      });
    }
    making->voice = engine.make_voice(
        {.utterance = making->utterance, .codes = making->encoding->take()});
    making->encoding.reset();
    done(std::nullopt);
  } catch (const Error& error) {
    making->encoding.reset();
    done(api_error_of(error));
  }
}

}  // namespace

void get_voices(const std::shared_ptr<App>& app, const HttpRequest&,
                const std::shared_ptr<Responder>& responder) {
  auto json = std::make_shared<OrderedJson>();
  app->chores.run(
      [app, json] { *json = app->voices.list(); },
      [json, responder](const std::optional<ApiError>& error) {
        responder->send(error ? error_response(*error) : json_response(*json));
      });
}

void get_voice(const std::shared_ptr<App>& app, const HttpRequest& request,
               const std::shared_ptr<Responder>& responder) {
  auto json = std::make_shared<std::optional<OrderedJson>>();
  app->chores.run(
      [app, json, name = voice_name(request)] {
        *json = app->voices.describe(name);
      },
      [json, responder](const std::optional<ApiError>& error) {
        if (error) return responder->send(error_response(*error));
        if (*json) return responder->send(json_response(**json));
        responder->send(error_response({.status = 404,
                                        .code = "voice_not_found",
                                        .message = "there is no such voice",
                                        .param = "voice"}));
      });
}

void post_voice(const std::shared_ptr<App>& app, const HttpRequest& request,
                const std::shared_ptr<Responder>& responder) {
  if (!app->options.model.encoder) {
    throw RequestError({.status = 403,
                        .code = "uploads_off",
                        .message = "this server takes no sound",
                        .param = {}});
  }
  const Making making = read_new_voice(*app, request);
  const auto made = [app, making,
                     responder](const std::optional<ApiError>& error) {
    if (error) return responder->send(error_response(*error));
    try {
      keep(app, making, responder);
    } catch (const Error& failure) {
      responder->send(error_response(api_error_of(failure)));
    }
  };
  app->chores.run(
      [app, making] {
        app->voices.check_new(making->name, making->replace);
        making->samples =
            read_uploaded_sound(making->upload, app->rules.facts.sample_rate_hz,
                                kMaxVoiceSeconds, "audio_sample");
        making->upload.clear();
      },
      [app, making, made](const std::optional<ApiError>& error) {
        if (error) return made(error);
        try {
          app->engine.run([app, making, made](engine::Engine& engine) {
            const auto done = [app, made](std::optional<ApiError> failure) {
              app->post([made, failure] { made(failure); });
            };
            encode(app, making, done, engine);
          });
        } catch (const Error& failure) {
          made(api_error_of(failure));
        }
      });
}

void delete_voice(const std::shared_ptr<App>& app, const HttpRequest& request,
                  const std::shared_ptr<Responder>& responder) {
  const std::string name = voice_name(request);
  app->chores.run(
      [app, name] { app->voices.remove(name); },
      [name, responder](const std::optional<ApiError>& error) {
        if (error) {
          return responder->send(error_response(*error));
        }
        responder->send(json_response({{"id", name},
                                       {"object", "audio.voice.deleted"},
                                       {"deleted", true}}));
      });
}

}  // namespace csm::server
