#include <algorithm>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "csm/base/str_cat.h"
#include "csm/server/base64.h"
#include "csm/server/routes.h"
#include "csm/server/sound_stream.h"
#include "csm/server/speech_job.h"

namespace csm::server {
namespace {

constexpr std::size_t kMaxItems = 32;
// Items of a batch that are spoken at once.
constexpr std::size_t kBatchLanes = 8;

// --- one answer that comes whole ---

ApiError codes_differ(const std::string& expected, const std::string& got) {
  return {.status = 409,
          .code = "codes_mismatch",
          .message =
              str_cat("expected codes with sha256 ", expected, ", got ", got),
          .param = "expect_codes_sha256"};
}

void send_whole(const App& app, const SpeechRequest& speech,
                const GatheredSpeech& gathered, Responder& responder) {
  const SpeechResult& result = gathered.result;
  if (speech.expect_codes_sha256) {
    const std::string digest = result.codes_sha256();
    if (digest != *speech.expect_codes_sha256) {
      return responder.send(
          error_response(codes_differ(*speech.expect_codes_sha256, digest)));
    }
  }
  const OutputFormat& format = speech.settings.format;
  HttpResponse response = {.content_type = format.content_type,
                           .headers = result.headers()};
  response.headers.emplace_back("x-csm-seed", std::to_string(result.seed));
  response.headers.emplace_back("Cache-Control", "no-cache");
  response.body =
      encode_sound(format, app.rules.facts.sample_rate_hz, gathered.samples);
  responder.send(std::move(response));
}

void answer_whole(const std::shared_ptr<App>& app, const HttpRequest& request,
                  const SpeechRequest& speech,
                  const std::shared_ptr<Responder>& responder) {
  const auto job = SpeechJob::gather(
      app, request, speech, false,
      [app, speech, responder](GatheredSpeech gathered,
                               std::optional<ApiError> error) {
        if (error) return responder->send(error_response(*error));
        try {
          send_whole(*app, speech, gathered, *responder);
        } catch (const Error& failure) {
          responder->send(error_response(api_error_of(failure)));
        }
      });
  responder->on_gone([weak = std::weak_ptr(job)] {
    if (const auto gone = weak.lock()) gone->cancel();
  });
}

// --- a batch ---

// Items that are spoken some at a time and answered together.
class Batch : public std::enable_shared_from_this<Batch> {
 public:
  Batch(std::shared_ptr<App> app, const HttpRequest& request,
        std::vector<Json> items, std::shared_ptr<Responder> responder)
      : app_(std::move(app)),
        request_(request),
        items_(std::move(items)),
        responder_(std::move(responder)),
        results_(items_.size()) {
    request_.body.clear();
    for (std::size_t i = 0; i < items_.size(); ++i) waiting_.push_back(i);
  }

  void begin() {
    responder_->on_gone([weak = weak_from_this()] {
      if (const auto batch = weak.lock()) batch->cancel();
    });
    for (std::size_t i = 0; i < std::min(kBatchLanes, items_.size()); ++i) {
      next();
    }
  }

 private:
  void next() {
    while (!gone_ && !waiting_.empty()) {
      const std::size_t index = waiting_.front();
      waiting_.pop_front();
      if (speak(index)) return;
    }
    if (n_done_ == items_.size() && !std::exchange(gone_, true)) answer();
  }

  // False: there is a result already. True: next() is called at its end, or
  // at the end of another.
  bool speak(std::size_t index) {
    std::optional<SpeechRequest> speech;
    try {
      speech = read_speech_request(items_[index], app_->rules);
    } catch (const Error& error) {
      fail(index, api_error_of(error));
      return false;
    }
    ++n_speaking_;
    try {
      const OutputFormat format = speech->settings.format;
      jobs_.push_back(SpeechJob::gather(
          app_, request_, *std::move(speech), false,
          [self = shared_from_this(), index, format](
              GatheredSpeech gathered, std::optional<ApiError> error) {
            --self->n_speaking_;
            if (error && self->postpone(index, *error)) return;
            if (error) {
              self->fail(index, *error);
            } else {
              self->succeed(index, format, gathered);
            }
            self->next();
          }));
      return true;
    } catch (const Error& error) {
      --n_speaking_;
      const ApiError refused = api_error_of(error);
      if (postpone(index, refused)) return true;
      fail(index, refused);
      return false;
    }
  }

  // What there is no room for waits for the others' end.
  bool postpone(std::size_t index, const ApiError& error) {
    constexpr int kTooMany = 429;
    if (error.status != kTooMany || n_speaking_ == 0) return false;
    waiting_.push_front(index);
    return true;
  }

  void fail(std::size_t index, const ApiError& error) {
    results_[index] = {{"index", index}, {"status", "error"}};
    results_[index]["error"] = to_json(error)["error"];
    ++n_done_;
  }

  void succeed(std::size_t index, const OutputFormat& format,
               const GatheredSpeech& gathered) {
    try {
      const std::string bytes = encode_sound(
          format, app_->rules.facts.sample_rate_hz, gathered.samples);
      const SpeechResult& result = gathered.result;
      results_[index] = {{"index", index},
                         {"status", "success"},
                         {"audio_data", base64_encode(bytes)},
                         {"media_type", format.content_type},
                         {"usage", result.usage()},
                         {"seed", std::to_string(result.seed)},
                         {"frames", result.n_frames},
                         {"codes_sha256", result.codes_sha256()},
                         {"finish_reason", engine::to_string(result.reason)}};
      ++n_done_;
      ++n_succeeded_;
    } catch (const Error& error) {
      fail(index, api_error_of(error));
    }
  }

  void answer() {
    OrderedJson json = {{"id", request_.id}, {"object", "speech.batch"}};
    json["results"] = results_;
    json["total"] = items_.size();
    json["succeeded"] = n_succeeded_;
    json["failed"] = items_.size() - n_succeeded_;
    responder_->send(json_response(json));
    jobs_.clear();
  }

  void cancel() {
    gone_ = true;
    for (const auto& job : jobs_) {
      if (const auto speaking = job.lock()) speaking->cancel();
    }
  }

  std::shared_ptr<App> app_;
  HttpRequest request_;
  std::vector<Json> items_;
  std::shared_ptr<Responder> responder_;
  std::vector<OrderedJson> results_;
  std::vector<std::weak_ptr<SpeechJob>> jobs_;
  std::deque<std::size_t> waiting_;  // items
  int n_speaking_ = 0;
  std::size_t n_done_ = 0;
  std::size_t n_succeeded_ = 0;
  bool gone_ = false;  // answered, or nobody waits
};

// The items, each with the fields of the whole that it does not have itself.
std::vector<Json> read_items(const Json& body) {
  RequestFields fields(body);
  const Json* items = fields.find("items");
  if (items == nullptr || !items->is_array() || items->empty() ||
      items->size() > kMaxItems) {
    throw RequestError(bad_request(
        items == nullptr ? "missing_required_field" : "invalid_value", "items",
        str_cat("expected items to be a list of 1 to ", kMaxItems,
                " objects with input")));
  }
  Json defaults = body;
  defaults.erase("items");
  std::vector<Json> out;
  for (const Json& item : *items) {
    RequestFields(item, str_cat("items[", out.size(), "]."));
    Json whole = defaults;
    whole.update(item);
    out.push_back(std::move(whole));
  }
  return out;
}

}  // namespace

void post_speech(const std::shared_ptr<App>& app, const HttpRequest& request,
                 const std::shared_ptr<Responder>& responder) {
  SpeechRequest speech =
      read_speech_request(parse_body(request.body), app->rules);
  if (!speech.stream) return answer_whole(app, request, speech, responder);
  SpeechJob::stream(app, request, std::move(speech), responder);
}

void post_batch(const std::shared_ptr<App>& app, const HttpRequest& request,
                const std::shared_ptr<Responder>& responder) {
  std::make_shared<Batch>(app, request, read_items(parse_body(request.body)),
                          responder)
      ->begin();
}

}  // namespace csm::server
