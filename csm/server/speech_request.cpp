#include "csm/server/speech_request.h"

#include <algorithm>
#include <random>
#include <utility>

#include "csm/base/printable.h"
#include "csm/base/str_cat.h"
#include "csm/server/api_error.h"
#include "csm/server/base64.h"
#include "csm/text/unicode.h"

namespace csm::server {
namespace {

constexpr std::size_t kDigestDigits = 64;
constexpr double kMaxTemperature = 1e6;

// 32 bits, because torch's CPU generator uses no more.
std::uint64_t random_seed() {
  std::random_device device;
  return device();
}

std::size_t count_characters(const std::string& text) {
  return static_cast<std::size_t>(std::count_if(
      text.begin(), text.end(),
      [](char c) { return (static_cast<unsigned char>(c) & 0xC0U) != 0x80U; }));
}

bool is_openai_model(const std::string& name) {
  return name == "tts-1" || name == "tts-1-hd" ||
         name.starts_with("gpt-4o-mini-tts");
}

// returns  the model's name
std::string check_model(RequestFields& fields, const RequestRules& rules) {
  const std::string model = fields.text("model").value_or("");
  if (model.empty() || is_openai_model(model) ||
      std::find(rules.models.begin(), rules.models.end(), model) !=
          rules.models.end()) {
    return model;
  }
  throw RequestError({.status = 404,
                      .code = "model_not_found",
                      .message = str_cat("the model '", printable(model),
                                         "' does not exist here (GET "
                                         "/v1/models lists those that do)"),
                      .param = fields.full_name("model")});
}

// What OpenAI's models do and CSM cannot.
void refuse_style(RequestFields& fields, const std::string& model) {
  const auto speed = fields.number("speed", 0.25, 4.0);
  if (speed.value_or(1.0) != 1.0) {
    fields.fail("speed", "to be 1, as this model has one speed",
                "unsupported_speed");
  }
  const auto instructions = fields.text("instructions");
  // OpenAI: "does not work with tts-1 or tts-1-hd".
  const bool ignored = model == "tts-1" || model == "tts-1-hd";
  if (!ignored && !instructions.value_or("").empty()) {
    fields.fail("instructions", "to be empty, as this model follows none",
                "unsupported_instructions");
  }
}

// A name, or {"id": name}.
std::string read_voice(RequestFields& fields) {
  const Json* voice = fields.find("voice");
  if (voice == nullptr) return {};
  if (!voice->is_object()) return fields.text("voice").value_or("");
  return RequestFields(*voice, fields.full_name("voice.")).required_text("id");
}

engine::GenerationOptions read_options(RequestFields& fields,
                                       const RequestRules& rules) {
  engine::GenerationOptions options;
  const auto seed = fields.seed("seed");
  options.seed = seed ? *seed : random_seed();
  if (const auto value = fields.number("temperature", 0, kMaxTemperature)) {
    options.temperature = static_cast<float>(*value);
    // As everywhere else: no temperature, no chance.
    options.greedy = options.temperature == 0.0F;
    if (options.greedy) options.temperature = 1.0F;
  }
  options.top_k = fields.integer("top_k", 1, rules.facts.n_codes)
                      .value_or(std::min(options.top_k, rules.facts.n_codes));
  options.greedy = fields.boolean("greedy").value_or(options.greedy);
  const int frame_ms =
      rules.facts.samples_per_frame * 1000 / rules.facts.sample_rate_hz;
  options.max_audio_ms =
      fields.integer("max_audio_ms", frame_ms, rules.max_audio_ms)
          .value_or(std::min(options.max_audio_ms, rules.max_audio_ms));
  return options;
}

// [n_frames][K], each in [0, n_codec_codes).
std::vector<std::int32_t> read_codes(const Json& json, const std::string& name,
                                     const engine::ModelFacts& facts) {
  const auto refuse = [&] {
    throw RequestError(bad_request(
        "invalid_value", name,
        str_cat("expected ", name, " to be a list of 1 to ",
                facts.max_positions, " frames of ", facts.n_codebooks,
                " codes from 0 to ", facts.n_codec_codes - 1)));
  };
  const auto n_codebooks = static_cast<std::size_t>(facts.n_codebooks);
  if (!json.is_array() || json.empty() ||
      json.size() > static_cast<std::size_t>(facts.max_positions)) {
    refuse();
  }
  std::vector<std::int32_t> codes;
  for (const Json& frame : json) {
    if (!frame.is_array() || frame.size() != n_codebooks) refuse();
    for (const Json& code : frame) {
      if (!code.is_number_unsigned() ||
          code.get<std::uint64_t>() >=
              static_cast<std::uint64_t>(facts.n_codec_codes)) {
        refuse();
      }
      codes.push_back(code.get<std::int32_t>());
    }
  }
  return codes;
}

ContextTurn read_turn(const Json& json, const std::string& name,
                      const RequestRules& rules) {
  RequestFields fields(json, name + ".");
  ContextTurn turn;
  turn.voice = fields.text("voice").value_or("");
  if (!turn.voice.empty()) return turn;
  turn.speaker = fields.integer("speaker", 0, kMaxSpeaker).value_or(0);
  turn.text = fields.required_text("text");
  check_input(turn.text, fields.full_name("text"));
  if (const Json* codes = fields.find("codes")) {
    turn.codes = read_codes(*codes, fields.full_name("codes"), rules.facts);
    return turn;
  }
  if (!rules.allows_context_sound) {
    fields.fail("audio", "to be absent, as this server takes no sound",
                "unsupported_context");
  }
  auto sound = base64_decode(fields.required_text("audio"));
  if (!sound || sound->empty()) {
    throw RequestError(bad_request("invalid_value", fields.full_name("audio"),
                                   "expected " + fields.full_name("audio") +
                                       " to be a sound file in base64"));
  }
  turn.sound = *std::move(sound);
  return turn;
}

std::vector<ContextTurn> read_context(RequestFields& fields,
                                      const RequestRules& rules) {
  const Json* context = fields.find("context");
  if (context == nullptr) return {};
  if (!context->is_array() || context->size() > kMaxContextTurns) {
    fields.fail("context",
                str_cat("to be a list of at most ", kMaxContextTurns,
                        " objects with speaker, text and audio or codes"),
                "invalid_type");
  }
  std::vector<ContextTurn> turns;
  for (const Json& turn : *context) {
    turns.push_back(read_turn(
        turn, str_cat(fields.full_name("context"), '[', turns.size(), ']'),
        rules));
  }
  return turns;
}

bool is_digest(const std::string& text) {
  return text.size() == kDigestDigits &&
         std::all_of(text.begin(), text.end(), [](char c) {
           return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f');
         });
}

}  // namespace

void check_input(const std::string& text, const std::string& param) {
  if (text::find_invalid_utf8(text)) {
    throw RequestError(
        bad_request("invalid_value", param, "expected " + param + " in UTF-8"));
  }
  if (text.find_first_not_of(" \t\r\n") == std::string::npos) {
    throw RequestError(
        bad_request("empty_input", param, "Input text cannot be empty"));
  }
  const std::size_t n_characters = count_characters(text);
  if (n_characters > kMaxInputCharacters) {
    throw RequestError(bad_request(
        "input_too_long", param,
        str_cat("expected ", param, " of at most ", kMaxInputCharacters,
                " characters, got ", n_characters)));
  }
}

SpeechSettings read_settings(RequestFields& fields, const RequestRules& rules) {
  const std::string model = check_model(fields, rules);
  refuse_style(fields, model);
  SpeechSettings settings;
  settings.voice = read_voice(fields);
  settings.speaker = fields.integer("speaker", 0, kMaxSpeaker);
  const std::string format =
      fields.text("response_format").value_or(rules.default_format);
  settings.format =
      find_format(format, fields.integer("sample_rate", 1, INT32_MAX),
                  rules.facts.sample_rate_hz);
  settings.options = read_options(fields, rules);
  settings.context = read_context(fields, rules);
  return settings;
}

SpeechRequest read_speech_request(const Json& body, const RequestRules& rules) {
  RequestFields fields(body);
  SpeechRequest request;
  request.input = fields.required_text("input");
  check_input(request.input, "input");
  request.settings = read_settings(fields, rules);
  const std::string stream_format =
      fields.text("stream_format").value_or("audio");
  if (stream_format != "audio" && stream_format != "sse") {
    fields.fail("stream_format", "to be audio or sse");
  }
  request.sse = stream_format == "sse";
  request.stream = fields.boolean("stream").value_or(true);
  request.expect_codes_sha256 = fields.text("expect_codes_sha256");
  if (request.expect_codes_sha256) {
    if (!is_digest(*request.expect_codes_sha256)) {
      fields.fail("expect_codes_sha256", "to be 64 hexadecimal digits");
    }
    request.stream = false;
  }
  if (request.sse && !request.stream) {
    fields.fail("stream_format",
                "to be audio in an answer that comes whole (stream, "
                "expect_codes_sha256)");
  }
  request.ignored = fields.unknown();
  return request;
}

}  // namespace csm::server
