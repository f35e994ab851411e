#pragma once

#include <memory>

#include "csm/server/app.h"
#include "csm/server/embedded_files.h"
#include "csm/server/http_message.h"

namespace csm::server {

// One for each route of find_route(); each is a Handler.
void get_health(const std::shared_ptr<App>& app, const HttpRequest& request,
                const std::shared_ptr<Responder>& responder);
void get_ready(const std::shared_ptr<App>& app, const HttpRequest& request,
               const std::shared_ptr<Responder>& responder);
void get_version(const std::shared_ptr<App>& app, const HttpRequest& request,
                 const std::shared_ptr<Responder>& responder);
void get_metrics(const std::shared_ptr<App>& app, const HttpRequest& request,
                 const std::shared_ptr<Responder>& responder);
void get_models(const std::shared_ptr<App>& app, const HttpRequest& request,
                const std::shared_ptr<Responder>& responder);
void get_model(const std::shared_ptr<App>& app, const HttpRequest& request,
               const std::shared_ptr<Responder>& responder);
void get_voices(const std::shared_ptr<App>& app, const HttpRequest& request,
                const std::shared_ptr<Responder>& responder);
void get_voice(const std::shared_ptr<App>& app, const HttpRequest& request,
               const std::shared_ptr<Responder>& responder);
void post_voice(const std::shared_ptr<App>& app, const HttpRequest& request,
                const std::shared_ptr<Responder>& responder);
void delete_voice(const std::shared_ptr<App>& app, const HttpRequest& request,
                  const std::shared_ptr<Responder>& responder);
void post_speech(const std::shared_ptr<App>& app, const HttpRequest& request,
                 const std::shared_ptr<Responder>& responder);
void post_batch(const std::shared_ptr<App>& app, const HttpRequest& request,
                const std::shared_ptr<Responder>& responder);

/// Answers with a file of the program.
void send_file(const EmbeddedFile& file, Responder& responder);

}  // namespace csm::server
